# What the scripts of this directory share: the image, the run, and what is asked of it.
#   DISTTRAIN_DATA   the directory that holds mnist/
#   SDK_IMAGE, RUNTIME_IMAGE   base images: with them DISTTRAIN_IMAGE (disttrain) is built first; without, it has to be there
#   BUILD_NETWORK (default)    network of that build       EPOCHS   length of the run
# Exit codes: 0 passed, 1 failed, 77 not run (no Docker engine, no data, no image).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
trap 'echo "FAIL: line $LINENO: $BASH_COMMAND" >&2' ERR
fail() { echo "FAIL: $*" >&2; exit 1; }
not_run() { echo "not run: $*"; exit 77; }
[ -d "${DISTTRAIN_DATA:-}/mnist" ] || not_run "DISTTRAIN_DATA names no directory with mnist/"
# A shell that made the secrets of another run has these; they are stronger than a file of variables.
unset DISTTRAIN_TOKEN DISTTRAIN_CA_HASH DISTTRAIN_TOKEN_ID DISTTRAIN_SECRETS DISTTRAIN_RUN DISTTRAIN_WORKERS DISTTRAIN_WORKER_THREADS
DISTTRAIN_DATA=$(cd "$DISTTRAIN_DATA" && pwd)
export DISTTRAIN_DATA DISTTRAIN_IMAGE="${DISTTRAIN_IMAGE:-disttrain}"
timeout 20 docker info >/dev/null 2>&1 || not_run "there is no Docker engine here"
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
name=disttrain-test-$$

if [ -n "${SDK_IMAGE:-}" ] && [ -n "${RUNTIME_IMAGE:-}" ]; then
  docker build --network "${BUILD_NETWORK:-default}" -f deploy/Dockerfile --build-arg SDK_IMAGE="$SDK_IMAGE" --build-arg RUNTIME_IMAGE="$RUNTIME_IMAGE" \
    -t "$DISTTRAIN_IMAGE" . >"$out/build" 2>&1 || { tail -n 40 "$out/build"; fail "the image cannot be built"; }
fi
docker image inspect "$DISTTRAIN_IMAGE" >/dev/null 2>&1 || not_run "there is no image $DISTTRAIN_IMAGE; SDK_IMAGE and RUNTIME_IMAGE have it built"

# Long enough to be scaled several times, also where a step is fast.
run="--model multi-layer --hidden 300,100 --dataset mnist --batch-size 100 --shards 8 --seed 7 --epochs ${EPOCHS:-20} --json"
export DISTTRAIN_ARGUMENTS="$run --progress-interval 0.1"

in_image() { docker run --rm --read-only --tmpfs /tmp --cap-drop ALL --network none -v "$DISTTRAIN_DATA:/data:ro" -e DISTTRAIN_DATA=/data "$DISTTRAIN_IMAGE" "$@"; }
hash_of() { sed -n 's/.*"event":"completed".*"parametersSha256":"\([0-9a-f]*\)".*/\1/p'; }
# shellcheck disable=SC2086
single_process() { in_image train $run --workers 0 --out /tmp/run 2>"$out/single" | hash_of || { cat "$out/single" >&2; fail "the single process"; }; }

# The run's status as one line of JSON; nothing if it does not answer. $coordinator is a function that prints the coordinator's container.
status() { docker exec "$(coordinator)" /app/disttrain status --json --coordinator 127.0.0.1:29500 --tls 2>/dev/null || true; }
step_of() { sed -n 's/.*"event":"status".*"step":\([0-9]*\),.*/\1/p'; }
workers_of() { grep -o '"processId":' | wc -l; }
# await WORKERS STEPS: until so many workers are attached, and so many steps have been done since. Sets step.
await() {
  local since="" now line
  for _ in $(seq 600); do
    line=$(status)
    now=$(step_of <<<"$line")
    if [ -n "$now" ] && [ "$(workers_of <<<"$line")" -eq "$1" ]; then
      since=${since:-$now}
      if [ $((now - since)) -ge "$2" ]; then step=$now; return; fi
    else
      has_ended && { events | tail -n 5; fail "the run ended before it had $1 workers for $2 steps; try EPOCHS above ${EPOCHS:-20}"; }
      sleep 0.2
    fi
  done
  fail "no $1 workers for $2 steps in time: $line"
}
# healthy SECONDS: until the engine calls the coordinator healthy.
healthy() {
  local state=""
  for _ in $(seq $(($1 * 5))); do
    state=$(docker inspect -f '{{.State.Health.Status}}' "$(coordinator)")
    [ "$state" != healthy ] || return 0
    has_ended && fail "the run ended while its coordinator's health was $state; try EPOCHS above ${EPOCHS:-20}"
    sleep 0.2
  done
  fail "the coordinator's health is $state after $1 s more"
}
# Read to the end: a reader that leaves early would make the pipe fail.
has_ended() { events | grep '"event":"\(completed\|failed\)"' >/dev/null; }
completed() { # until the run has ended; prints its hash
  for _ in $(seq 1200); do
    if has_ended; then events | hash_of; return; fi
    sleep 0.5
  done
}
# What happened to workers, as the coordinator tells it: how many of each kind.
happened() { events | sed -n 's/.*"event":"worker".*"what":"\([^"]*\)".*/\1/p' | sort | uniq -c | awk '{ printf "%s%s %s", (NR > 1 ? ", " : ""), $1, $2 } END { print "" }'; }
seconds_between() { awk -v a="$(date -d "$1" +%s.%N)" -v b="$(date -d "$2" +%s.%N)" 'BEGIN { printf "%.2f", b - a }'; }
judge() { # expected, actual
  echo "single process  $1"
  echo "containers      $2"
  [ -n "$1" ] && [ "$1" = "$2" ] || fail "other bits"
  echo PASS
}
