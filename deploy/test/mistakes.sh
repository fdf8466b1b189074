#!/usr/bin/env bash
# What goes wrong often, each with the one line that says so. common.sh tells the variables.
source "$(dirname "$0")/common.sh"
export DISTTRAIN_IDENTITY_VOLUME=$name-identity DISTTRAIN_ENV_FILE=$out/env
command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || not_run "there is no docker-compose here"
engine=(docker-compose); docker compose version >/dev/null 2>&1 && engine=(docker compose)
clean() {
  set +e
  docker rm -f "$name" >/dev/null 2>&1
  docker stack rm "$name" >/dev/null 2>&1
  docker volume rm "$DISTTRAIN_IDENTITY_VOLUME" >/dev/null 2>&1
  rm -rf "$out"
}
trap clean EXIT; trap 'exit 130' INT; trap 'exit 143' TERM
failures=0
# expect WHAT CODE LINE command…: ends with that code ("any": not 0), and says that line (a pattern) among at most three.
expect() {
  local what=$1 code=$2 line=$3 actual=0; shift 3
  "$@" >"$out/said" 2>&1 || actual=$?
  if { [ "$code" = "$actual" ] || { [ "$code" = any ] && [ "$actual" -ne 0 ]; }; } && grep -q -e "$line" "$out/said" && [ "$(wc -l <"$out/said")" -le 3 ]; then
    echo "ok    $what: $(grep -e "$line" "$out/said" | cut -c 1-240)"
  else
    echo "FAIL  $what: exit code $actual"; cat "$out/said"; failures=$((failures + 1))
  fi
}
limits=(--rm --read-only --tmpfs /tmp --cap-drop ALL)
compose() { "${engine[@]}" --env-file "$out/env" -f deploy/compose.yaml "$@"; }

: >"$out/env"
expect "compose without a token" any "deploy/enroll.sh" compose config -q
expect "a stack without secrets" any "secrets.sh" docker stack deploy -c deploy/swarm/stack.yaml "$name"
expect "an image that is not there" 2 "build it first" env DISTTRAIN_IMAGE="$name-none" deploy/enroll.sh

deploy/enroll.sh 1h >/dev/null
[ "$(stat -c %a "$out/env")" = 600 ] || { echo "FAIL  $out/env can be read by others"; failures=$((failures + 1)); }
# shellcheck disable=SC1091
. "$out/env"
docker run -d --name "$name" --read-only --tmpfs /tmp --tmpfs /work/runs:uid=10001 --cap-drop ALL -v "$DISTTRAIN_IDENTITY_VOLUME:/identity" -v "$DISTTRAIN_DATA:/data:ro" -e DISTTRAIN_DATA=/data \
  "$DISTTRAIN_IMAGE" coordinator --listen 0.0.0.0:29500 --workers 8 --start-timeout 600 --json >/dev/null
health() { docker exec "$name" /app/disttrain health --coordinator 127.0.0.1:29500 --tls "$@"; }
health --start-timeout 60 >/dev/null || { docker logs "$name"; fail "the coordinator does not answer"; }
beside=(docker run "${limits[@]}" --tmpfs /cache:uid=10001 --network "container:$name")
worker=("$DISTTRAIN_IMAGE" worker --coordinator 127.0.0.1:29500 --start-timeout 20)
expect "a worker without a token" 2 "token" "${beside[@]}" "${worker[@]}" --ca-hash "$DISTTRAIN_CA_HASH"
expect "a wrong token" 2 "token" "${beside[@]}" -e DISTTRAIN_CA_HASH="$DISTTRAIN_CA_HASH" -e DISTTRAIN_TOKEN=dt1.00000000.AAAAAAAAAAAAAAAAAAAAAA "${worker[@]}"
expect "what is no token" 2 "is no token" "${beside[@]}" -e DISTTRAIN_CA_HASH="$DISTTRAIN_CA_HASH" -e DISTTRAIN_TOKEN=password "${worker[@]}"
expect "another authority's hash" 2 "belongs to authority" "${beside[@]}" -e DISTTRAIN_TOKEN="$DISTTRAIN_TOKEN" -e DISTTRAIN_CA_HASH="sha256:$(printf '0%.0s' $(seq 64))" "${worker[@]}"
expect "a port that is taken" 2 "29500" "${beside[@]}" --tmpfs /work/runs:uid=10001 -v "$DISTTRAIN_IDENTITY_VOLUME:/identity" -v "$DISTTRAIN_DATA:/data:ro" -e DISTTRAIN_DATA=/data \
  "$DISTTRAIN_IMAGE" coordinator --listen 0.0.0.0:29500
printf %s "$DISTTRAIN_TOKEN" >"$out/token"; chmod 644 "$out/token"
expect "a token file that others can read" 2 "chmod 600" "${beside[@]}" -v "$out/token:/token:ro" -e DISTTRAIN_TOKEN_FILE=/token -e DISTTRAIN_CA_HASH="$DISTTRAIN_CA_HASH" "${worker[@]}"
expect "an identity that cannot be written" 2 "--identity DIR" docker run "${limits[@]}" --tmpfs /identity:uid=10001,ro "$DISTTRAIN_IMAGE" coordinator --listen 0.0.0.0:29500
expect "nobody there to be healthy" 3 "No run answers" docker run "${limits[@]}" -v "$DISTTRAIN_IDENTITY_VOLUME:/identity" "$DISTTRAIN_IMAGE" health --tls --start-timeout 1
if [ $failures -eq 0 ]; then echo PASS; else echo "FAIL ($failures)"; exit 1; fi
