#!/bin/sh
# Runs aquatic_bench from the installed npm package, which has it as its command aquatic_bench.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"
launch aquatic_bench "$@"
