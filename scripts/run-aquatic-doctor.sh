#!/bin/sh
# Runs aquatic_doctor with the flags given; installs and builds first what is missing or out of date.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"
run_executable aquatic_doctor "$@"
