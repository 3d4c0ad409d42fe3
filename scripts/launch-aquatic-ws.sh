#!/bin/sh
# Runs aquatic_ws from the installed npm package, which has it as its command aquatic_ws.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"
launch aquatic_ws "$@"
