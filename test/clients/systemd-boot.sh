#!/bin/sh
# Boots systemd on a root of its own: FOLDER, with this machine's /usr read-only in it, behind namespaces
# for mounts, processes, network and control groups. Nothing of the machine is written to but FOLDER.
# Called by booted-machine.ts; ends when it is killed or its caller ends, and systemd with it.
# Usage: systemd-boot.sh FOLDER CGROUP USR EXECUTABLE:NAME…, absolute paths; the second in a hierarchy of version 2,
# USR a folder that takes what is written to /usr, or empty: then it is read-only, and the executables appear in
# /usr/local/bin under their names.
set -eu
folder=$1
cgroup=$2
usr=$3
shift 3
mkdir -p "$cgroup"
echo $$ >"$cgroup/cgroup.procs"
# shellcheck disable=SC2016 # the inner shell expands it
exec setpriv --pdeathsig=KILL \
  unshare --mount --propagation private --pid --fork --kill-child --mount-proc --net --ipc --uts --cgroup \
  sh -euc '
    while umount -l /sys/fs/cgroup 2>/dev/null; do :; done
    mount -t sysfs sysfs /sys
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    cd /
    folder=$1
    usr=$2
    shift 2
    for each; do
      set -- "$@" "--bind-ro=${each%:*}:/usr/local/bin/${each##*:}"
      shift
    done
    if [ -n "$usr" ]; then
      set -- "--overlay=/usr:$usr:/usr" "$@"
    else
      set -- --bind-ro=/usr --tmpfs=/usr/local/bin "$@"
    fi
    exec env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --boot --directory="$folder" --register=no --keep-unit \
      --private-network --link-journal=no --resolv-conf=off --timezone=off --console=pipe \
      "$@"
  ' sh "$folder" "$usr" "$@"
