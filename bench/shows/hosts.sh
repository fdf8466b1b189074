# Hosts as network namespaces, for scripts that need several: to be sourced, as root on Linux. The script starts again in network and mount namespaces of
# its own, so that hosts, links and rules vanish with it however it ends. make_hosts N: host 0 to host N, joined by a switch; 10.9.0.(10 + I) is host I.
if [ -z "${DISTTRAIN_HOSTS:-}" ]; then
  [ "$(id -u)" = 0 ] && command -v ip tc unshare >/dev/null || { echo "It takes root, ip, tc and unshare." >&2; exit 2; }
  dotnet build -c Release --nologo -v q "$(dirname "${BASH_SOURCE[0]}")/../../src/Cli" >/dev/null # out here, where there may be a network
  export DISTTRAIN_HOSTS=1 DISTTRAIN_BUILT=1
  exec unshare --net --mount "$0" "$@"
fi
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
ip link set lo up
address_of() { echo "10.9.0.$((10 + $1))"; }
make_hosts() { # how many beside host 0
  local i
  ip link add switch type bridge
  ip link set switch up
  for i in $(seq 0 "$1"); do
    ip netns add "host$i"
    ip link add "port$i" type veth peer name eth0 netns "host$i"
    ip link set "port$i" master switch up
    ip -n "host$i" addr add "$(address_of "$i")/24" dev eth0
    ip -n "host$i" link set eth0 up
    ip -n "host$i" link set lo up
  done
}
# narrow N RATE BURST: each link of host 0 to N, in both directions, to so many bits a second; BURST bytes may go at once after silence.
narrow() {
  local i
  for i in $(seq 0 "$1"); do
    # Segments no larger than the bucket, else each would be cut into packets once more.
    ip link set "port$i" gso_max_size "$(($3 / 2))"; ip -n "host$i" link set eth0 gso_max_size "$(($3 / 2))"
    tc qdisc replace dev "port$i" root tbf rate "$2" burst "$3" limit 1mb
    tc -n "host$i" qdisc replace dev eth0 root tbf rate "$2" burst "$3" limit 1mb
  done
}
# on_host I COMMAND…: runs it there in place of this shell, with shared memory and a name of its own.
on_host() {
  local host=$1; shift
  exec ip netns exec "host$host" unshare --uts sh -c 'mount -t tmpfs tmpfs /dev/shm; hostname "$0"; exec "$@"' "host$host" "$@"
}
# sent I out|in: bytes, headers included, that the link of host I has let through, from it or to it. It must have been made narrow.
sent() {
  if [ "$2" = out ]; then tc -s -n "host$1" qdisc show dev eth0; else tc -s qdisc show dev "port$1"; fi | sed -n 's/^ *Sent \([0-9]*\) bytes.*/\1/p'
}
