#!/bin/sh
# Builds the root file system of a container image in a new or empty folder:
# one executable as /aquatic, the libraries it names, its default settings, licences, a user, a folder for data.
# Called by the Containerfile beside it, and by test/clients/container.test.ts, which starts the
# tracker in it. Builds the executable first where it is stale.
# Usage: make-root.sh aquatic|aquatic_udp|aquatic_http|aquatic_ws FOLDER
set -eu
name=$1
mkdir -p -- "$2"
target=$(cd -- "$2" && pwd -P)
[ -z "$(ls -A -- "$target")" ] || { echo "$target is not empty" >&2; exit 1; }
root=$(dirname -- "$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")")
"$root/scripts/build.sh" "$name"

cd -- "$target"
umask 022
mkdir -p etc usr/share/doc/aquatic data proc dev sys tmp
install -m 755 "$root/dist/$name" aquatic
# Glibc's loader, and libraries that the executable names; it opens no others.
ldd aquatic | grep -o '/[^ ]*' | while read -r library; do
  mkdir -p -- ".$(dirname -- "$library")"
  cp -L -- "$library" ".$library"
done
cp -- "$root/LICENSE" "$root/docs/third-party.md" usr/share/doc/aquatic
./aquatic -p >etc/aquatic.toml
echo 'aquatic:x:65532:65532::/data:/nonexistent' >etc/passwd
echo 'aquatic:x:65532:' >etc/group
chmod 700 data
chmod 1777 tmp
[ "$(id -u)" != 0 ] || chown 65532:65532 data
