#!/bin/bash
# Builds the container image with Podman by the workflow's own commands, without a registry, tries it as the workflow does, and
# replaces one container by another. Podman is called «docker», as there. Called by container-engine.test.ts, in namespaces that
# end with it. The base image is this machine's /usr, and the packages are those of this checkout.
# Usage: container-engine.sh FOLDER BUILD SERVE COMMAND…: an empty folder, two files of commands, and the client that
# announces until its input ends. Prints what that client prints.
set -euo pipefail
folder=$1
build=$2
serve=$3
shift 3

# What the system lets a container have, though it is one itself.
while umount -l /sys/fs/cgroup 2>/dev/null; do :; done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up

root=$(cd "$(dirname "$0")/../.." && pwd -P)
mkdir -p "$folder"/{bin,base/usr,base/etc,base/tmp,base/proc,base/sys,base/dev,data}
for name in bin sbin lib lib64; do ln -s "usr/$name" "$folder/base/$name"; done
echo 'root:x:0:0:root:/root:/bin/sh' >"$folder/base/etc/passwd"
cat >"$folder/bin/docker" <<SHIM
#!/bin/sh
what=\$1
shift
case \$what in
  build) set -- --isolation chroot --format docker --layers=false --pull=never -v /usr:/usr:ro \
    -v "$root/node_modules:/build/node_modules:ro" "\$@" ;;
  run) set -- --cgroups=disabled --health-interval=disable --ulimit nofile=4096:4096 --ulimit nproc=4096:4096 "\$@" ;;
esac
exec podman --root "$folder/storage" --runroot "$folder/run" --log-level=fatal "\$what" "\$@"
SHIM
chmod 755 "$folder/bin/docker"
PATH=$folder/bin:$PATH

tar -C "$folder/base" -cf "$folder/base.tar" .
docker import -q "$folder/base.tar" docker.io/library/node:22-bookworm-slim >&2
cd "$root"
bash -euo pipefail "$build" >&2
bash -euo pipefail "$serve" >&2

# As docs/operations.md says: one folder, one network.
chown 65532:65532 "$folder/data"
start() {
  docker run --detach --name "$1" --network host --read-only --cap-drop ALL --security-opt no-new-privileges \
    -v "$folder/data:/data" -e AQUATIC_PERSISTENCE_PATH=/data -e AQUATIC_PERSISTENCE_TAKE_OVER=true aquatic:amd64 >&2
  for ((i = 0; i < 100; i++)); do
    if docker exec "$1" /aquatic -c /etc/aquatic.toml --health-check 3 >&2; then return; fi
    sleep 0.2
  done
  docker logs "$1" >&2
  exit 1
}
start a
mkfifo "$folder/input"
"$@" <"$folder/input" &
client=$!
exec 7>"$folder/input"
# What stays in the background must not keep the client's input open.
start b 7>&-
[ "$(docker wait a)" = 0 ]
exec 7>&-
wait "$client"
docker stop -t 60 b >&2
[ "$(docker wait b)" = 0 ]
