#!/bin/sh
# Runs aquatic_doctor from the installed npm package, which has it as its command aquatic_doctor.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"
launch aquatic_doctor "$@"
