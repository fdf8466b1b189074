#!/usr/bin/env bash
# deploy/slurm/train.sbatch on a Slurm that runs here, with two tasks: (a) to the end in one go; (b) stopped by its time limit, queued again, gone on with,
# until it is done; (c) the worker of task 1 killed in each of two starts, the first of which is stopped. Each ends in the hash of the single process, or the
# script fails. (d) cancelled: it saves, and is not queued again.
#   DISTTRAIN_DATA=DIR deploy/test/slurm.sh        DIR holds mnist/, and is the same on all nodes, as is TMPDIR
# It takes about five minutes on an idle machine with two cores.
# Exit codes: 0 passed, 1 failed, 77 not run (no Slurm here that takes jobs, no data).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
not_run() { echo "not run: $1"; exit 77; }
[ -d "${DISTTRAIN_DATA:-}/mnist" ] || not_run "DISTTRAIN_DATA names no directory with mnist/"
DISTTRAIN_DATA=$(cd "$DISTTRAIN_DATA" && pwd); export DISTTRAIN_DATA
# A shell that made the secrets of another run has these.
unset DISTTRAIN_TOKEN DISTTRAIN_CA_HASH DISTTRAIN_IDENTITY
command -v sbatch >/dev/null && command -v sinfo >/dev/null || not_run "there is no Slurm here (sbatch, sinfo)"
states=$(timeout 20 sinfo --noheader --format=%t 2>&1) || not_run "Slurm does not answer: $states"
grep -Eq '^(idle|mix|alloc)' <<<"$states" || not_run "no node takes jobs: $(tr '\n' ' ' <<<"$states")"
[ -n "${DISTTRAIN_BUILT:-}" ] || dotnet build -c Release --nologo -v q src/Cli >/dev/null
DISTTRAIN_PROGRAM=$PWD/src/Cli/bin/Release/net10.0/disttrain; export DISTTRAIN_PROGRAM

patience=${DISTTRAIN_SLURM_PATIENCE:-300} # seconds for one job, all its starts together
jobs=(); failures=0; watch=:; end=COMPLETED
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
trap finish EXIT; trap 'exit 130' INT; trap 'exit 143' TERM

field() { scontrol --oneliner show job "$1" 2>/dev/null | sed -n "s/.* $2=\([^ ]*\).*/\1/p"; }
state() { field "$1" JobState; }
value() { sed -n "s/.*\"event\":\"completed\".*\"$2\":\"\{0,1\}\([0-9a-f.]*\).*/\1/p" "$1"; }
run=(--dataset mnist --data "$DISTTRAIN_DATA" --model mlp-1024 --batch-size 100 --shards 8 --seed 7 --json)
fail() { echo "FAIL  $1"; failures=$((failures + 1)); }
expect() { # what, expected, actual, log
  if [ -n "$2" ] && [ "$2" = "$3" ]; then echo "ok    $1  $3"; else fail "$1: expected ${2:-nothing}, got ${3:-nothing}"; tail -n 20 "$4"; fi
}
alone() { "$DISTTRAIN_PROGRAM" train --workers 0 --out "$out/$1" "${run[@]}" "${@:2}" >"$out/$1.json" 2>"$out/$1.err" || cat "$out/$1.err"; value "$out/$1.json" parametersSha256; }

# Queues the run $1 and waits for its end, which is to be $end; the job's options to '--', then the run's. $watch is called each second with the job's id and log.
job() {
  local name=$1 options=() id since now held=0
  shift
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  id=$(DISTTRAIN_OUT=$out/$name sbatch --parsable --ntasks=2 --job-name="disttrain-test-$name" --output="$out/$name.log" "${options[@]}" \
    deploy/slurm/train.sbatch "${run[@]}" "$@" | cut -d';' -f1)
  jobs+=("$id"); since=$SECONDS
  while :; do
    now=$(state "$id")
    case $now in COMPLETED | FAILED | TIMEOUT | CANCELLED | NODE_FAIL | OUT_OF_MEMORY | "") break ;; esac
    # Slurm holds a job that was queued again back for two minutes, until every credential of its last start is void. Who may change jobs need not wait so long,
    # and gives it the time to finish: one cut is enough. For others it is cut again and again, a minute each time. A new credential of the very second in
    # which the old ones were revoked would be void too, and the job fail without a word: some seconds have to pass.
    if [ "$now" = PENDING ] && [ "$(field "$id" Reason)" = BeginTime ]; then held=$((held + 1)); else held=0; fi
    if [ "$held" -ge 5 ]; then
      scontrol update JobId="$id" StartTime=now TimeLimit=10 2>/dev/null || scontrol update JobId="$id" StartTime=now 2>/dev/null || true
    fi
    if [ "$now" = RUNNING ]; then "$watch" "$id" "$out/$name.log"; fi
    if [ $((SECONDS - since)) -ge "$patience" ]; then break; fi
    sleep 1
  done
  stops=$(grep -c '"event":"stopped"' "$out/$name.log" || true)
  starts=$((1 + $(field "$id" Restarts)))
  echo "job $id ($name): $now, started $starts times, $((SECONDS - since)) s"
  [ "$now" = "$end" ] || fail "job $id ended as '$now', not $end"
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

# In this start of the job: the processes of the workers that joined, and how often progress was told.
joined() { awk '/"event":"started"/ { ids = "" } /"what":"joined"/ { sub(/.*"processId":/, ""); sub(/,.*/, ""); ids = ids " " $0 } END { print ids }' "$1"; }
progress() { awk '/"event":"started"/ { n = 0 } /"event":"progress"/ { n++ } END { print n + 0 }' "$1"; }
killed="" stopped=""
# In the first start: kill task 1's worker, see the run go on, stop it. In the second: kill, and let it end.
kill_and_stop() {
  local id
  if [ -n "$killed" ] && [ -z "$stopped" ] && [ "$(progress "$2")" -ge 3 ]; then
    scancel --batch --signal=USR1 "$1"; stopped=yes
  elif [ "$(progress "$2")" -ge 1 ]; then
    for id in $(joined "$2"); do
      if cat "/proc/$id/environ" 2>/dev/null | tr '\0' '\n' | grep -x SLURM_PROCID=1 >/dev/null; then kill -9 "$id"; killed="$killed $id"; fi
    done
  fi
}
# Twenty seconds of both workers at the rate just seen; one alone computes most of it, and takes longer.
steps=$(awk -v rate="$(value "$out/$log.log" samplesPerSecond)" 'BEGIN { s = int(rate / 100 * 20); print s < 300 ? 300 : s }')
watch=kill_and_stop job killed --time=10 -- --steps "$steps"
expect "(c) $steps steps, killed:$killed, stopped $stops times: single process and job" "$(alone killed-alone --steps "$steps")" "$(value "$out/killed.log" parametersSha256)" "$out/killed.log"
[ "$(wc -w <<<"$killed") $stops" = "2 1" ] || fail "(c) two workers were to be killed and the run to be stopped once"
for id in $killed; do grep "\"what\":\"lost\".*\"processId\":$id," "$out/killed.log" >/dev/null || fail "(c) the run does not tell that it lost $id"; done

cancel() { [ "$(progress "$2")" -eq 0 ] || scancel "$1"; }
watch=cancel end=CANCELLED job cancelled --time=10 -- --steps 1000000
if [ "$stops $starts" = "1 1" ]; then echo "ok    (d) cancelled, it saved and stayed away"; else fail "(d) saved $stops times in $starts starts"; tail -n 20 "$out/cancelled.log"; fi

if [ $failures -eq 0 ]; then echo PASS; else echo "FAIL ($failures)"; exit 1; fi
