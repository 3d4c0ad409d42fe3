#!/bin/sh
# Makes what a release consists of: for each target a tarball for /usr/local and a Debian package, both with
# units, manuals, completions, kernel settings and licences; the bill of materials (CycloneDX); the release's notes out of
# CHANGELOG.md; SHA256SUMS of them all. The executable is one file with a link for each program's name (all-in-one.ts).
# The same commit gives the same bytes, in any folder and at any time: see docs/operations.md, "Packages".
# Missing programs (xz, dpkg-deb) are installed by root with apt-get: it asks first, unless --install or the environment
# variable CI says that it may.
# SOURCE_DATE_EPOCH, seconds since 1970, is the date of all files; without it the commit's. AQUATIC_MAINTAINER, «Name <mail>», is
# the maintainer of the Debian package.
# Usage: release.sh [--out=FOLDER] [--revision=N] [--fast] [--install] [target…]. FOLDER is dist/release, and what is in it goes;
# N is the revision of the Debian package, 1; --fast compresses nothing, for tests; targets are linux-x64 and linux-arm64,
# by default both.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"

trackers='aquatic aquatic_udp aquatic_http aquatic_ws'
stage=$root/dist/.release

# The parts of the system that a build may depend on.
umask 022
LC_ALL=C
TZ=UTC
export LC_ALL TZ
# More threads of xz would give other bytes.
DPKG_DEB_THREADS_MAX=1
export DPKG_DEB_THREADS_MAX

missing_tools() {
  for tool in xz:xz-utils dpkg-deb:dpkg gzip:gzip; do
    command -v "${tool%:*}" >/dev/null 2>&1 || echo "${tool#*:}"
  done
}

# The seconds of the commit that is checked out.
commit_date() {
  git -C "$root" log -1 --format=%ct 2>/dev/null ||
    die 'this is no checkout of git: set SOURCE_DATE_EPOCH to the date of the release, in seconds since 1970'
}

# The changelog's part on the version, without its heading.
release_notes() {
  awk -v version="$version" '
    /^## / { inside = $2 == version; next }
    inside' "$root/CHANGELOG.md" | sed -e '/./,$!d'
}

# Puts a file's copy at a place, compressed. Usage: install_compressed FROM TO
install_compressed() {
  mkdir -p -- "$(dirname -- "$2")"
  gzip -9n <"$1" >"$2"
}

# What both kinds of packages hold, below the folder that stands for their prefix. Usage: install_files TARGET PREFIX
install_files() {
  prefix=$2
  install -D -m 755 -- "$root/dist/$1-together/aquatic" "$prefix/bin/aquatic"
  for name in $(all_executables); do
    [ "$name" = aquatic ] || ln -s aquatic "$prefix/bin/$name"
  done
  for unit in "$root"/packaging/systemd/*.service; do
    install -D -m 644 -t "$prefix/lib/systemd/system" -- "$unit"
  done
  install -D -m 644 -- "$root/packaging/systemd/sysusers.conf" "$prefix/lib/sysusers.d/aquatic.conf"
  install -D -m 644 -- "$root/packaging/sysctl/aquatic.conf" "$prefix/lib/sysctl.d/60-aquatic.conf"
  install -D -m 644 -t "$prefix/share/bash-completion/completions" -- "$root"/packaging/completions/bash/*
  install -D -m 644 -t "$prefix/share/fish/vendor_completions.d" -- "$root"/packaging/completions/fish/*
  for part in grafana prometheus container; do
    install -D -m 644 -t "$prefix/share/doc/aquatic/examples/$part" -- "$root/packaging/$part"/*
  done
}

install_manuals() {
  for section in 1 5; do
    install -D -m 644 -t "$1/share/man/man$section" -- "$root"/packaging/man/*."$section"
  done
}

settings_name() {
  case $1 in aquatic) echo aquatic.toml ;; *) echo "${1#aquatic_}.toml" ;; esac
}

# Usage: install_settings FOLDER
install_settings() {
  mkdir -p -- "$1"
  for name in $trackers; do
    file=$(settings_name "$name")
    sed -e "s/@NAME@/$name/g" -e "s/@FILE@/$file/g" "$root/packaging/debian/settings.toml.in" >"$1/$file"
  done
}

# The units say /usr/local/bin, and /opt/aquatic/a and b for the two of an upgrade by hand: dpkg replaces the file of a running
# tracker without touching the one that runs.
adapt_units() {
  for unit in "$1"/*.service; do
    sed -e 's|/usr/local/bin/|/usr/bin/|' -e 's|/opt/aquatic/%i/|/usr/bin/|' \
      -e '/^#/s|, and the executable of each instance\.|.|' "$unit" >"$unit.new"
    mv -- "$unit.new" "$unit"
  done
}

make_tarball() {
  archive=aquatic-$version-$1
  prefix=$stage/$archive
  say "making $archive.tar"
  install_files "$1" "$prefix"
  install_manuals "$prefix"
  install -D -m 644 -t "$prefix/share/zsh/site-functions" -- "$root"/packaging/completions/zsh/*
  install_settings "$prefix/share/doc/aquatic/examples"
  install -m 644 -t "$prefix/share/doc/aquatic" -- "$root/LICENSE" "$root/CHANGELOG.md" "$root"/docs/*.md
  tar --directory="$stage" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    --create --file="$out/$archive.tar" "$archive"
  [ "$fast" = yes ] || xz --threads=1 -6 "$out/$archive.tar"
}

# For dpkg --verify.
write_sums() {
  (cd -- "$1" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$1/DEBIAN/md5sums"
}

write_control() {
  # In KiB, of the files as they are, not of their blocks.
  size=$(find "$1/usr" "$1/etc" -type f -printf '%s\n' | awk '{ sum += int(($1 + 1023) / 1024) } END { print sum }')
  cat >"$1/DEBIAN/control" <<CONTROL
Package: aquatic
Version: $version-$revision
Architecture: $2
Maintainer: ${AQUATIC_MAINTAINER:-The authors of aquatic <maintainers@aquatic.invalid>}
Installed-Size: $size
Depends: libc6 (>= 2.17), systemd | systemd-standalone-sysusers | systemd-sysusers
Section: net
Priority: optional
Description: open BitTorrent trackers: UDP, HTTP and WebTorrent
 Trackers for BitTorrent over UDP (BEP 15), HTTP and HTTPS (BEP 3), and for
 WebTorrent over WebSocket: all in one process (aquatic), or each alone
 (aquatic_udp, aquatic_http, aquatic_ws), with load testers and a check of
 the host (aquatic_doctor).
 .
 No service is started at installation. Settings are in /etc/aquatic; then
 "systemctl enable --now aquatic@a" starts one that upgrades of this package
 replace without a gap.
CONTROL
}

make_debian_package() {
  case $1 in linux-x64) architecture=amd64 ;; *) architecture=arm64 ;; esac
  archive=aquatic_$version-${revision}_$architecture
  folder=$stage/$archive
  doc=$folder/usr/share/doc/aquatic
  say "making $archive.deb"
  install_files "$1" "$folder/usr"
  adapt_units "$folder/usr/lib/systemd/system"
  for page in "$root"/packaging/man/*; do
    install_compressed "$page" "$folder/usr/share/man/man${page##*.}/$(basename -- "$page").gz"
  done
  install -D -m 644 -t "$folder/usr/share/zsh/vendor-completions" -- "$root"/packaging/completions/zsh/*
  install_settings "$folder/etc/aquatic"
  install -D -m 644 -- "$root/packaging/debian/copyright" "$doc/copyright"
  install_compressed "$root/CHANGELOG.md" "$doc/changelog.gz"
  for page in "$root"/docs/*.md; do
    install_compressed "$page" "$doc/$(basename -- "$page").gz"
  done
  install -d -- "$folder/DEBIAN"
  install -m 755 -t "$folder/DEBIAN" -- "$root"/packaging/debian/postinst "$root"/packaging/debian/prerm \
    "$root"/packaging/debian/postrm
  (cd -- "$folder" && find etc -type f | sort | sed 's|^|/|') >"$folder/DEBIAN/conffiles"
  write_sums "$folder"
  write_control "$folder" "$architecture"
  find "$folder" -exec touch -h -d "@$SOURCE_DATE_EPOCH" -- {} +
  if [ "$fast" = yes ]; then set -- -Znone; else set -- -Zxz -z6; fi
  dpkg-deb --root-owner-group "$@" --build "$folder" "$out/$archive.deb" >&2
}

read_flags() {
  targets=
  fast=no
  revision=1
  out=$root/dist/release
  install=$(install_by_default)
  for argument in "$@"; do
    case $argument in
      --install) install=yes ;;
      --fast) fast=yes ;;
      --out=?*) out=${argument#*=} ;;
      --revision=*[!0-9a-z.+~]* | --revision=) die '--revision is a number such as 1' ;;
      --revision=*) revision=${argument#*=} ;;
      linux-x64 | linux-arm64) targets="$targets $argument" ;;
      *) die "unknown target or flag «$argument»: see --help" ;;
    esac
  done
  [ -n "$targets" ] || targets='linux-x64 linux-arm64'
  # What is in the folder goes.
  [ ! -e "$out" ] || [ -d "$out" ] || die "$out is no folder"
  [ ! -d "$out" ] || [ -z "$(ls -A -- "$out")" ] || [ -f "$out/RELEASE-NOTES.md" ] ||
    die "$out holds something else than a release: name an empty or a new folder"
}

make_release() {
  rm -rf -- "$out" "$stage"
  mkdir -p -- "$out" "$stage"
  out=$(cd -- "$out" && pwd -P)
  release_notes >"$out/RELEASE-NOTES.md"
  [ -s "$out/RELEASE-NOTES.md" ] || die "CHANGELOG.md has no section «## $version»"
  for each in $targets; do
    make_tarball "$each"
    make_debian_package "$each"
    rm -rf -- "$stage"
  done
  "$bun" "$root/scripts/bill-of-materials.ts" "$SOURCE_DATE_EPOCH" >"$out/aquatic-$version.cdx.json" ||
    die 'the bill of materials failed, see above'
  (cd -- "$out" && sha256sum -- *) >"$root/dist/.sums"
  mv -- "$root/dist/.sums" "$out/SHA256SUMS"
}

help_or_go_on "$@"
check_platform
read_flags "$@"
install_debian "$(missing_tools | tr '\n' ' ')"
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$root/package.json")
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(commit_date)}
export SOURCE_DATE_EPOCH
# shellcheck disable=SC2086 # names without spaces
"$root/scripts/build.sh" --together $targets
ensure_packages
find_bun
if grep -q "^## $version (unreleased)" "$root/CHANGELOG.md"; then say "CHANGELOG.md calls $version unreleased"; fi
locked make_release
say "made in $out: $(cd -- "$out" && echo *)"
