#!/bin/sh
# Runs aquatic_udp from the installed npm package, which has it as its command aquatic_udp.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"
launch aquatic_udp "$@"
