#!/usr/bin/env bash
# A cluster that has nothing to do uses less than 1 % of a core, all its processes together, over ten seconds: while it waits for a worker before the first
# step, and paused in mid-run. From /proc: Linux.
source "$(dirname "$0")/common.sh"
program=$PWD/src/Cli/bin/Release/net10.0/disttrain
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null || true; rm -rf "$out"' EXIT
# Clock ticks that the processes have used, of user and system time. Behind the name, which may hold blanks, these are fields 12 and 13.
ticks() { local p; for p in "${pids[@]}"; do sed 's/.*) //' "/proc/$p/stat"; done | awk '{ t += $12 + $13 } END { print t }'; }
measure() { # what
  local before share
  sleep "${SETTLE:-30}" # for half a minute after a start the runtime goes on compiling in the background what has just run for the first time
  before=$(ticks)
  sleep 10
  share=$(awk -v t=$(($(ticks) - before)) -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", 100 * t / hz / 10 }')
  if awk "BEGIN { exit !($share < 1) }"; then echo "ok    $1: $share % of a core in ${#pids[@]} processes"
  else echo "FAIL  $1: $share % of a core in ${#pids[@]} processes"; failures=$((failures + 1)); fi
}
await() { # pattern
  until grep -q "$1" "$out/events"; do kill -0 "${pids[0]}" || { echo "FAIL  it ended before $1"; tail -n 3 "$out/stderr"; exit 1; }; sleep 0.05; done
}
stop() { kill -9 "${pids[@]}"; wait 2>/dev/null || true; pids=(); }

: >"$out/events"
"$program" coordinator --listen 127.0.0.1:0 --workers 2 --model mlp-1024 "${common[@]}" --epochs 1 --out "$out/waiting" >"$out/events" 2>"$out/stderr" & pids=($!)
await '"event":"started"'
address=$(sed -n 's/.*"event":"started".*"address":"\([^"]*\)".*/\1/p' "$out/events")
"$program" worker --coordinator "$address" --threads 1 2>"$out/worker" & pids+=($!)
await '"what":"joined"'
measure "one worker attached, the run waits for another"
expect "steps done meanwhile" 0 "$(grep -c '"event":"progress"' "$out/events" || true)"
stop

: >"$out/events"
"$program" train --workers 2 --threads 1 --model mlp-1024 "${common[@]}" --epochs 100 --out "$out/paused" >"$out/events" 2>"$out/stderr" & pids=($!)
await '"event":"progress"'
mapfile -t -O 1 pids < <(sed -n 's/.*"what":"joined".*"processId":\([0-9]*\).*/\1/p' "$out/events")
disttrain pause --run "$out/paused" >/dev/null 2>"$out/stderr"
measure "paused after some steps, two workers attached"
stop
finish
