#!/bin/sh
# Runs aquatic from the installed npm package, which has it as its command aquatic.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"
launch aquatic "$@"
