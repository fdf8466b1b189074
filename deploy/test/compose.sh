#!/usr/bin/env bash
# Compose with an authority of its own, scaled 1 -> 4 -> 2 workers during one MNIST run: the hash of a single process. common.sh tells the variables.
#   DISTTRAIN_DATA=DIR SDK_IMAGE=… RUNTIME_IMAGE=… deploy/test/compose.sh
source "$(dirname "$0")/common.sh"
export DISTTRAIN_IDENTITY_VOLUME=$name-identity DISTTRAIN_ENV_FILE=$out/env
engine=(docker-compose); docker compose version >/dev/null 2>&1 && engine=(docker compose)
compose() { "${engine[@]}" -p "$name" --env-file "$DISTTRAIN_ENV_FILE" -f deploy/compose.yaml -f deploy/compose.data.yaml "$@"; }
clean() {
  set +e
  [ ! -f "$DISTTRAIN_ENV_FILE" ] || compose down -v -t 5 >/dev/null 2>&1
  docker volume rm "$DISTTRAIN_IDENTITY_VOLUME" >/dev/null 2>&1
  rm -rf "$out"
}
trap clean EXIT; trap 'exit 130' INT; trap 'exit 143' TERM
container() { docker ps -a -q --filter "label=com.docker.compose.project=$name" --filter "label=com.docker.compose.service=$1"; }
coordinator() { container coordinator; }
events() { docker logs "$(coordinator)" 2>/dev/null; }
scale() { compose up -d --no-recreate --scale worker="$1" >"$out/up" 2>&1 || { cat "$out/up"; fail "cannot scale to $1"; }; }

expected=$(single_process)
deploy/enroll.sh 1h >/dev/null
scale 1
await 1 1
# The first event that tells of a step, by the engine's clock.
first=$(docker logs --timestamps "$(coordinator)" 2>/dev/null | sed -n '/"event":"progress"/s/ .*//p' | awk 'NR == 1')
for role in coordinator worker; do
  echo "first step $(seconds_between "$(docker inspect -f '{{.State.StartedAt}}' "$(container $role)")" "$first") s after the start of the $role's container"
done
await 1 300; echo "step $step: 1 worker; to 4"
scale 4
await 4 300; echo "step $step: 4 workers; to 2"
scale 2
await 2 300; echo "step $step: 2 workers; health: $(docker inspect -f '{{.State.Health.Status}}' "$(coordinator)")"
actual=$(completed)
echo "workers: $(happened)"
judge "$expected" "$actual"
