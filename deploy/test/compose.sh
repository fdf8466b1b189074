#!/usr/bin/env bash
# Compose with an authority of its own, scaled 1 -> 4 -> 2 workers during one MNIST run: the hash of a single process. common.sh tells the variables, and:
#   FIRST_STEP_LIMIT (2)   seconds from a container's start to the run's first step; missed, it is said, and fails only with STRICT=1: a figure of this machine
#   DISTTRAIN_DATA=DIR SDK_IMAGE=… RUNTIME_IMAGE=… deploy/test/compose.sh
source "$(dirname "$0")/common.sh"
command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || not_run "there is no docker-compose here"
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
# The first event that tells of a step, by the engine's clock. Nothing is asked of the containers before: what asks would take the processor from them.
first=""
for _ in $(seq 300); do
  first=$(docker logs --timestamps "$(coordinator)" 2>/dev/null | sed -n '/"event":"progress"/s/ .*//p' | awk 'NR == 1')
  [ -z "$first" ] || break
  has_ended && { events | tail -n 5; fail "the run ended before its first step was told"; }
  sleep 0.2
done
[ -n "$first" ] || fail "no step within a minute"
limit=${FIRST_STEP_LIMIT:-2} missed=0
for role in coordinator worker; do
  took=$(seconds_between "$(docker inspect -f '{{.State.StartedAt}}' "$(container $role)")" "$first")
  verdict=$(awk -v took="$took" -v limit="$limit" 'BEGIN { print took <= limit ? "" : ": BELOW THE AIM" }')
  [ -z "$verdict" ] || missed=$((missed + 1))
  echo "first step $took s after the start of the $role's container, aim $limit s$verdict"
done
await 1 300; echo "step $step: 1 worker; to 4"
scale 4
await 4 300; echo "step $step: 4 workers; to 2"
scale 2
await 2 300; healthy 30; echo "step $step: 2 workers; the coordinator is healthy"
actual=$(completed)
echo "workers: $(happened)"
judge "$expected" "$actual"
[ $missed -eq 0 ] || echo "$missed figures missed: first step, aim $limit s"
[ $missed -eq 0 ] || [ -z "${STRICT:-}" ] || fail "a figure was missed, and STRICT is set"
