#!/bin/sh
# Runs aquatic_http_load_test from the installed npm package, which has it as its command aquatic_http_load_test.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"
launch aquatic_http_load_test "$@"
