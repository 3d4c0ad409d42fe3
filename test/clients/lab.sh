#!/bin/sh
# Holds what one real-client test needs: network namespace $1 and a temporary directory. Started by
# lab.ts, which keeps standard input open. When that closes, even because the test was killed,
# everything still running inside the namespace is killed, and both are removed.
set -eu
name=$1
trap '' INT TERM HUP

remove() {
  ip netns pids "$name" | xargs -r kill -KILL
  ip netns delete "$name"
  rm -rf "$directory"
}

directory=$(mktemp -d "${TMPDIR:-/tmp}/aquatic-clients.XXXXXX")
ip netns add "$name" || { rm -rf "$directory"; exit 1; }
trap remove EXIT
# Clients refuse trackers and peers in 127/8, so the addresses sit on one end of a veth pair, both
# ends of which stay inside. The default route leads to a neighbour that does not exist: clients
# believe in a network, and nothing gets out. nodad makes IPv6 addresses usable at once.
{
  echo 'link set lo up'
  echo 'link add inner type veth peer name outer'
  for host in 1 2 3 9; do
    echo "address add 10.77.0.$host/24 dev inner"
    echo "address add fd77::$host/64 dev inner nodad"
  done
  echo 'link set outer up'
  echo 'link set inner up'
  echo 'route add default via 10.77.0.254 dev inner'
  echo 'route add default via fd77::fe dev inner'
} | ip -n "$name" -batch -
echo "ready $directory"
cat > /dev/null
