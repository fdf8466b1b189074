#!/usr/bin/env bash
# Compose, scaled 3 -> 1 -> 4 workers while it trains: the hash of the single process.
#   DISTTRAIN_DATA=DIR DISTTRAIN_SDK_IMAGE=… DISTTRAIN_RUNTIME_IMAGE=… bench/shows/compose.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${DISTTRAIN_DATA:?the directory that holds mnist/}" "${DISTTRAIN_SDK_IMAGE:?}" "${DISTTRAIN_RUNTIME_IMAGE:?}"
DISTTRAIN_DATA=$(cd "$DISTTRAIN_DATA" && pwd); export DISTTRAIN_DATA
run="--model two-layer --dataset mnist --batch-size 100 --shards 8 --seed 7 --epochs ${EPOCHS:-25} --json"
export DISTTRAIN_ARGUMENTS=$run
compose() { docker-compose -p disttrain-show -f deploy/compose.yaml -f deploy/compose.data.yaml "$@"; }
out=$(mktemp -d)
trap 'compose down -v -t 5 >/dev/null 2>&1; rm -rf "$out"' EXIT

dotnet build -c Release --nologo -v q src/Cli >/dev/null
# shellcheck disable=SC2086
expected=$(src/Cli/bin/Release/net10.0/disttrain train $run --workers 0 --out "$out/single" 2>/dev/null | tail -n 1 | sed -n 's/.*"parametersSha256":"\([0-9a-f]*\)".*/\1/p')
compose build coordinator >"$out/build" 2>&1 || { tail -n 40 "$out/build"; exit 1; }
compose up -d --scale worker=3 >/dev/null 2>&1

events() { compose logs --no-color --no-log-prefix coordinator 2>/dev/null || compose logs --no-color coordinator 2>/dev/null; }
await() { # an epoch's number, or "completed"
  for _ in $(seq 600); do
    events >"$out/events" || true
    grep -q "$1" "$out/events" && return
    [ -n "$(docker ps -q --filter "label=com.docker.compose.project=disttrain-show" --filter "label=com.docker.compose.service=coordinator")" ] \
      || { grep -q "$1" "$out/events" && return; echo "FAIL: the coordinator ended before $1"; tail -n 20 "$out/events"; exit 1; }
    sleep 0.5
  done
  echo "FAIL: no $1 in time"; exit 1
}
await '"event":"epoch","epoch":3,'
compose up -d --no-recreate --scale worker=1 >/dev/null 2>&1; echo "scaled to 1 worker"
await '"event":"epoch","epoch":8,'
compose up -d --no-recreate --scale worker=4 >/dev/null 2>&1; echo "scaled to 4 workers"
await '"event":"completed"'
actual=$(sed -n 's/.*"event":"completed".*"parametersSha256":"\([0-9a-f]*\)".*/\1/p' "$out/events")
grep -o '"event":"worker".*' "$out/events" | head -n 20
echo "single process $expected"
echo "compose        $actual"
[ "$expected" = "$actual" ] && echo PASS || { echo FAIL; exit 1; }
