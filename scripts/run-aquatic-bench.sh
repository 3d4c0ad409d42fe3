#!/bin/sh
# Runs aquatic_bench with the flags given; installs and builds first what is missing or out of date.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"
# It runs these, too.
check_platform
ensure_executables aquatic aquatic_udp aquatic_udp_load_test aquatic_http aquatic_http_load_test aquatic_ws aquatic_ws_load_test
run_executable aquatic_bench "$@"
