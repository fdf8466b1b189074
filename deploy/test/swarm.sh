#!/usr/bin/env bash
# A stack on a swarm of this one node: scaled 1 -> 3 during one MNIST run, one worker killed, a rolling update of all workers: the hash of a single process.
#   DISTTRAIN_DATA=DIR SDK_IMAGE=… RUNTIME_IMAGE=… deploy/test/swarm.sh        (common.sh tells the variables)
# The node must be in no swarm, or manage one, which is then used and stays.
source "$(dirname "$0")/common.sh"
made_swarm=""
clean() {
  set +e
  docker stack rm "$name" >/dev/null 2>&1
  for _ in $(seq 150); do [ -n "$(docker ps -a -q --filter "label=com.docker.stack.namespace=$name")" ] || break; sleep 0.5; done
  docker secret ls -q --filter "name=$name-" | xargs -r docker secret rm >/dev/null 2>&1
  docker volume ls -q --filter "name=${name}_" | xargs -r docker volume rm >/dev/null 2>&1
  docker rmi "$name:next" >/dev/null 2>&1
  [ -z "$made_swarm" ] || docker swarm leave --force >/dev/null 2>&1
  rm -rf "$out"
}
trap clean EXIT; trap 'exit 130' INT; trap 'exit 143' TERM
containers() { docker ps "${@:2}" -q --filter "label=com.docker.swarm.service.name=${name}_$1"; }
coordinator() { containers coordinator -a | head -n 1; }
events() { docker logs "$(coordinator)" 2>/dev/null; }

expected=$(single_process)
if [ "$(docker info -f '{{.Swarm.LocalNodeState}}')" = inactive ]; then
  docker swarm init --advertise-addr 127.0.0.1 >/dev/null
  made_swarm=yes
fi
variables=$(deploy/swarm/secrets.sh "$name" 1h)
eval "$variables"
DISTTRAIN_WORKERS=1 docker stack deploy --resolve-image never -c deploy/swarm/stack.yaml -c deploy/swarm/stack.data.yaml "$name" >"$out/stack" 2>&1 \
  || { cat "$out/stack" >&2; fail "the stack cannot be deployed"; }
await 1 500; echo "step $step: 1 worker; to 3"
docker service scale -d "${name}_worker=3" >/dev/null
await 3 500; echo "step $step: 3 workers; one is killed"
docker kill "$(containers worker | head -n 1)" >/dev/null
# The swarm starts another in its place.
await 2 1
await 3 500; echo "step $step: 3 workers again; all are replaced, one by one"
before=$(containers worker | sort)
docker tag "$DISTTRAIN_IMAGE" "$name:next"
docker service update -d --no-resolve-image --image "$name:next" --env-add UPDATED=yes "${name}_worker" >/dev/null
for _ in $(seq 600); do
  state=$(docker service inspect -f '{{.UpdateStatus.State}}' "${name}_worker")
  [ "$state" != updating ] && break
  has_ended && fail "the run ended before its workers were replaced; try EPOCHS above ${EPOCHS:-20}"
  sleep 0.2
done
[ "$state" = completed ] || fail "the rolling update is $state"
[ -z "$(comm -12 <(echo "$before") <(containers worker | sort))" ] || fail "a worker from before the update still runs"
await 3 200; healthy 10; echo "step $step: 3 new workers; the coordinator is healthy"
actual=$(completed)
echo "workers: $(happened)"
judge "$expected" "$actual"
