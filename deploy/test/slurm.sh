#!/usr/bin/env bash
# deploy/slurm/train.sbatch on a Slurm that runs here, with two tasks: (a) to the end in one go; (b) stopped by its time limit, queued again, gone on with,
# until it is done. Each ends in the hash of the single process, or the script fails.
#   DISTTRAIN_DATA=DIR deploy/test/slurm.sh        DIR holds mnist/, and is the same on all nodes, as is TMPDIR
# It takes three to four minutes on an idle machine with two cores.
# Exit codes: 0 passed, 1 failed, 77 not run (no Slurm here that takes jobs).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${DISTTRAIN_DATA:?the directory that holds mnist/}"
DISTTRAIN_DATA=$(cd "$DISTTRAIN_DATA" && pwd); export DISTTRAIN_DATA
not_run() { echo "not run: $1"; exit 77; }
command -v sbatch >/dev/null && command -v sinfo >/dev/null || not_run "there is no Slurm here (sbatch, sinfo)"
states=$(timeout 20 sinfo --noheader --format=%t 2>&1) || not_run "Slurm does not answer: $states"
grep -Eq '^(idle|mix|alloc)' <<<"$states" || not_run "no node takes jobs: $(tr '\n' ' ' <<<"$states")"
[ -n "${DISTTRAIN_BUILT:-}" ] || dotnet build -c Release --nologo -v q src/Cli >/dev/null
DISTTRAIN_PROGRAM=$PWD/src/Cli/bin/Release/net10.0/disttrain; export DISTTRAIN_PROGRAM

patience=${DISTTRAIN_SLURM_PATIENCE:-300} # seconds for one job, all its starts together
jobs=(); failures=0; ends=""
out=$(mktemp -d)
finish() {
  code=$?
  for job in "${jobs[@]}"; do scancel --quiet "$job" 2>/dev/null || true; done
  for job in "${jobs[@]}"; do
    for _ in $(seq 30); do grep -Eq 'PENDING|RUNNING|COMPLETING|SUSPENDED' <<<"$(state "$job")" || break; sleep 1; done
  done
  [ -n "${DISTTRAIN_KEEP:-}" ] && echo "kept: $out" || rm -rf "$out"
  exit $code
}
trap finish EXIT

field() { scontrol --oneliner show job "$1" 2>/dev/null | sed -n "s/.* $2=\([^ ]*\).*/\1/p"; }
state() { field "$1" JobState; }
value() { sed -n "s/.*\"event\":\"completed\".*\"$2\":\"\{0,1\}\([0-9a-f.]*\).*/\1/p" "$1"; }
run=(--dataset mnist --data "$DISTTRAIN_DATA" --model mlp-1024 --batch-size 100 --shards 8 --seed 7 --json)
fail() { echo "FAIL  $1"; failures=$((failures + 1)); }
expect() { # what, expected, actual, log
  if [ -n "$2" ] && [ "$2" = "$3" ]; then echo "ok    $1  $3"; else fail "$1: expected ${2:-nothing}, got ${3:-nothing}"; tail -n 20 "$4"; fi
}
alone() { "$DISTTRAIN_PROGRAM" train --workers 0 --out "$out/$1" "${run[@]}" "${@:2}" >"$out/$1.json" 2>"$out/$1.err" || cat "$out/$1.err"; value "$out/$1.json" parametersSha256; }

# Queues the run $1 and waits for its end; the job's options to '--', then the run's.
job() {
  local name=$1 options=() id since now
  shift
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  id=$(DISTTRAIN_OUT=$out/$name sbatch --parsable --ntasks=2 --job-name="disttrain-test-$name" --output="$out/$name.log" "${options[@]}" \
    deploy/slurm/train.sbatch "${run[@]}" "$@" | cut -d';' -f1)
  jobs+=("$id"); since=$SECONDS
  while :; do
    now=$(state "$id")
    case $now in COMPLETED | FAILED | TIMEOUT | CANCELLED | NODE_FAIL | OUT_OF_MEMORY | "") break ;; esac
    # Slurm holds a job that was queued again back for two minutes, until every credential of its last start is void. Who may change jobs need not wait, and
    # gives it the time to finish: one cut is enough. For others it is cut again and again, a minute each time.
    if [ "$now" = PENDING ] && [ "$(field "$id" Reason)" = BeginTime ]; then
      scontrol update JobId="$id" StartTime=now TimeLimit=10 2>/dev/null || scontrol update JobId="$id" StartTime=now 2>/dev/null || true
    fi
    if [ $((SECONDS - since)) -ge "$patience" ]; then break; fi
    sleep 1
  done
  ends="$now, started $((1 + $(field "$id" Restarts))) times, $((SECONDS - since)) s"
  stops=$(grep -c '"event":"stopped"' "$out/$name.log" || true)
  echo "job $id ($name): $ends"
  [ "$now" = COMPLETED ] || fail "job $id ended as '$now'"
}

job whole --time=10 -- --steps 150
expect "(a) sbatch, 2 tasks, to the end: single process and job" "$(alone whole-alone --steps 150)" "$(value "$out/whole.log" parametersSha256)" "$out/whole.log"
[ "$stops" = 0 ] || fail "(a) was stopped $stops times"

# Long enough to be cut: a minute of steps at the rate just seen, beside the start, is more than the shortest limit there is. The warning comes 10 to 40 s
# before that, because Slurm looks every half minute. A machine that was busy then and is not now makes it too short, and is asked once more.
log=whole
for name in cut cut-again; do
  steps=$(awk -v rate="$(value "$out/$log.log" samplesPerSecond)" 'BEGIN { s = int(rate / 100 * 60); print s < 300 ? 300 : s }')
  log=$name
  job $name --time=1 --signal=B:USR1@10 -- --steps "$steps"
  [ "$stops" = 0 ] || break
done
[ "$stops" -ge 1 ] || fail "(b) was never stopped: nothing was tried"
expect "(b) $steps steps, stopped $stops times by the limit of one minute: single process and job" "$(alone cut-alone --steps "$steps")" "$(value "$out/$log.log" parametersSha256)" "$out/$log.log"

if [ $failures -eq 0 ]; then echo PASS; else echo "FAIL ($failures)"; exit 1; fi
