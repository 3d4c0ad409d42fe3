#!/bin/sh
# Runs the tests with real BitTorrent clients (test/clients/): libtorrent, aria2 and Transmission over
# UDP; these, qBittorrent, rtorrent and the clients of two libraries over HTTP and HTTPS; webtorrent in Node and
# in Chromium, bittorrent-tracker's client, and libtorrent over WebSocket. Besides, programs of the system read what we make for them: manual pages, scripts, units, rules; a
# browser and Prometheus look at the operations endpoint.
# Sets up what is missing: packages and the build as the other scripts do, Prometheus, the WebTorrent clients from
# npm and PyPI into test/clients/webtorrent/, apart from the trackers' packages; where there is Go, a client from its
# module proxy. Debian's clients are installed on this system, by root with apt-get: it asks first, unless --install
# or the environment variable CI says that it may.
# AQUATIC_EXECUTABLE, AQUATIC_UDP_EXECUTABLE, AQUATIC_HTTP_EXECUTABLE and AQUATIC_WS_EXECUTABLE, absolute paths,
# name other executables to test.
# Usage: test-clients.sh [part of a file name…] [--install] [--jobs=N] [flag of «bun test», such as -t NAME]…
# Closing line: N passed, N failed.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"

# Prints the Debian packages that are missing, one per line.
missing_clients() {
  /usr/bin/python3 -c 'import libtorrent' >/dev/null 2>&1 || echo python3-libtorrent
  command -v aria2c >/dev/null 2>&1 || echo aria2
  command -v transmission-cli >/dev/null 2>&1 || echo transmission-cli
  command -v ip >/dev/null 2>&1 || echo iproute2
  command -v nsenter >/dev/null 2>&1 || echo util-linux
  for tool in man:man-db mandoc:mandoc zsh:zsh fish:fish systemd-analyze:systemd systemd-nspawn:systemd-container \
    strace:strace; do
    command -v "${tool%:*}" >/dev/null 2>&1 || echo "${tool#*:}"
  done
  command -v qemu-x86_64 >/dev/null 2>&1 || command -v qemu-x86_64-static >/dev/null 2>&1 || echo qemu-user
  command -v chromium >/dev/null 2>&1 || echo chromium
  command -v openssl >/dev/null 2>&1 || echo openssl
  /usr/bin/python3 -m pip --version >/dev/null 2>&1 || echo python3-pip
  command -v shellcheck >/dev/null 2>&1 || echo shellcheck
}

ensure_clients() {
  install_debian "$(missing_clients | tr '\n' ' ')"
  missing=$(missing_clients | tr '\n' ' ')
  [ -z "$missing" ] || die "installed, but not found where the tests look for it: $missing"
}

# Clients that not every Debian-like system has. Their tests say that they are skipped where these are missing.
ensure_more_clients() {
  more=
  for client in qbittorrent-nox rtorrent podman; do
    command -v $client >/dev/null 2>&1 || more="$more $client"
  done
  [ -n "$more" ] || return 0
  # shellcheck disable=SC2086 # a list of package names
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && may_install $more; then
    say "installing$more (apt-get)"
    apt-get update -qq >&2 </dev/null || true
    for client in $more; do
      DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$client" >&2 </dev/null || true
    done
  fi
  for client in $more; do
    command -v "$client" >/dev/null 2>&1 || say "$client is missing: its tests are skipped"
  done
}

# Unpacked, not installed: Debian's package would start a Prometheus server on this machine.
ensure_prometheus() {
  ! has_prometheus || return 0
  PATH=$PATH:$root/dist/.prometheus/usr/bin
  export PATH
  has_prometheus || locked unpack_prometheus
}

has_prometheus() {
  command -v promtool >/dev/null 2>&1 && command -v prometheus >/dev/null 2>&1
}

unpack_prometheus() {
  command -v apt-get >/dev/null 2>&1 || die 'Prometheus is missing (Debian: package prometheus)'
  say 'fetching Prometheus (apt-get download)'
  rm -rf -- "$root/dist/.prometheus"
  mkdir -p -- "$root/dist/.prometheus"
  (
    cd -- "$root/dist/.prometheus"
    [ "$(id -u)" != 0 ] || apt-get update -qq
    apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb . && rm -- prometheus_*.deb
  ) >&2 </dev/null || die 'Prometheus could not be fetched, see above'
}

webtorrent=$root/test/clients/webtorrent

# The stamp lies among what was installed, like that of the trackers' packages.
webtorrent_is_fresh() {
  [ -f "$webtorrent/node_modules/.aquatic-setup" ] && [ -d "$webtorrent/python_modules" ] &&
    [ "$(webtorrent_wanted)" = "$(cat -- "$webtorrent/node_modules/.aquatic-setup")" ]
}

webtorrent_wanted() {
  uname -m
  /usr/bin/python3 --version
  (cd -- "$webtorrent" && cat -- package.json package-lock.json .npmrc requirements.txt) | cksum
}

# No script of these packages is run: what they hold works without. Their WebRTC for Node is a
# binary inside a package; libtorrent's wheel has the first libtorrent with WebTorrent, which
# Debian's has not.
install_webtorrent() {
  ! webtorrent_is_fresh || return 0
  say 'installing WebTorrent clients (npm ci, pip)'
  rm -rf -- "$webtorrent/node_modules" "$webtorrent/python_modules"
  (
    cd -- "$webtorrent" &&
      npm ci --ignore-scripts --include=optional --no-audit --no-fund --no-progress --loglevel=error
  ) >&2 </dev/null || die 'npm ci failed, see above'
  /usr/bin/python3 -m pip install --quiet --no-deps --only-binary=:all: --root-user-action=ignore \
    --target "$webtorrent/python_modules" -r "$webtorrent/requirements.txt" >&2 </dev/null ||
    die 'pip could not install libtorrent, see above'
  webtorrent_wanted >"$webtorrent/node_modules/.aquatic-setup"
}

go_client=$root/dist/.clients/anacrolix

# The client of a Go library. Where it cannot be built, its tests are skipped, and say so.
ensure_go_client() {
  [ ! -x "$go_client" ] || [ -n "$(find "$root/test/clients/anacrolix" -newer "$go_client" -print -quit)" ] || return 0
  rm -f -- "$go_client"
  find_go || {
    say 'no Go 1.24 or later: the tests of its client are skipped'
    return 0
  }
  say 'building the client of anacrolix/torrent (go build)'
  mkdir -p -- "$root/dist/.clients"
  (
    cd -- "$root/test/clients/anacrolix" &&
      GOCACHE="$root/dist/.go-cache" CGO_ENABLED=0 GOTOOLCHAIN=local "$go" build -buildvcs=false -o "$go_client" .
  ) >&2 </dev/null || say 'go build failed: the tests of its client are skipped'
}

# Reads the workflow that publishes. Where it cannot be built, its test is skipped, and says so.
ensure_actionlint() {
  [ ! -x "$root/dist/.clients/actionlint" ] || return 0
  find_go || return 0
  say 'building actionlint (go install)'
  GOBIN=$root/dist/.clients CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=mod "$go" install \
    github.com/rhysd/actionlint/cmd/actionlint@v1.7.7 >&2 </dev/null || say 'go install failed: the test with actionlint is skipped'
}

# Sets `go`.
find_go() {
  for go in "$(command -v go || true)" /usr/local/go/bin/go; do
    [ -x "$go" ] || continue
    minor=$("$go" env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
    [ "${minor:-0}" -lt 24 ] || return 0
  done
  return 1
}

# Replaces this process by the tests. Each test makes a network namespace, which root may; anyone
# else may as root of a user namespace, with a /run of its own for «ip netns» to write to.
run_tests() {
  set -- "$bun" scripts/run-tests.ts --clients "$@"
  if [ "$(id -u)" = 0 ] && unshare --net --mount true 2>/dev/null; then
    exec "$@" </dev/null
  fi
  unshare --user --map-root-user --net --mount true 2>/dev/null ||
    die 'these tests need network namespaces: run them as root, in a container with CAP_SYS_ADMIN and CAP_NET_ADMIN'
  # shellcheck disable=SC2016 # the inner shell expands it
  exec unshare --user --map-root-user --net --mount \
    sh -c 'mount -t tmpfs tmpfs /run && exec "$@"' sh "$@" </dev/null
}

help_or_go_on "$@"
install=$(install_by_default)
for argument in "$@"; do
  shift
  case $argument in --install) install=yes ;; *) set -- "$@" "$argument" ;; esac
done
trap 'echo "0 passed, 1 failed"' EXIT
check_platform
ensure_clients
ensure_more_clients
ensure_prometheus
ensure_packages
webtorrent_is_fresh || locked install_webtorrent
locked ensure_go_client
locked ensure_actionlint
[ -n "${AQUATIC_EXECUTABLE:-}" ] || ensure_executables aquatic
[ -n "${AQUATIC_UDP_EXECUTABLE:-}" ] || ensure_executables aquatic_udp
[ -n "${AQUATIC_HTTP_EXECUTABLE:-}" ] || ensure_executables aquatic_http
[ -n "${AQUATIC_WS_EXECUTABLE:-}" ] || ensure_executables aquatic_ws
find_bun
cd -- "$root"
run_tests "$@"
