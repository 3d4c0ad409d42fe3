#!/bin/sh
# Makes small faults in a folder or file, one at a time, in a copy, and shows those that no test
# notices. Goes on where the last run ended. See docs/testing.md.
# Usage: mutate.sh FOLDER [--count=60] [--seed=1] [--jobs=1] [--slow=20] [--patience=15]
#   [--executables] [--list]
#   --count=N       tries N mutations, picked by the seed; 0 tries all there are
#   --slow=SECONDS  leaves out test files that take longer
#   --patience=SECONDS  lets a test file take at least this long before a fault counts as a hang
#   --executables   runs the tests that start the trackers and load testers too (slow)
#   --list          only shows the mutations
# Exit code: 0 when each was noticed, 1 when one was not, 2 for wrong arguments.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"

help_or_go_on "$@"
check_platform
ensure_packages
find_bun
cd -- "$root"
exec "$bun" test/mutation/mutate.ts "$@" </dev/null
