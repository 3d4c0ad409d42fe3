#!/bin/sh
# Runs every test that needs no third-party client, after installing and building what is missing.
# Usage: test.sh [part of a file name…] [--jobs=N] [flag of «bun test», such as -t NAME]…
# Closing line: N passed, N failed.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"

help_or_go_on "$@"
trap 'echo "0 passed, 1 failed"' EXIT
check_platform
ensure_packages
for executable in $(all_executables); do
  ensure_executables "$executable"
done
find_bun
cd -- "$root"
trap - EXIT
exec "$bun" scripts/run-tests.ts "$@" </dev/null
