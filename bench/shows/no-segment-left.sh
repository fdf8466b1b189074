#!/usr/bin/env bash
# After kill -9 of every process of a run on shared memory, the next run leaves nothing in /dev/shm, neither its own segment nor the dead one's. Linux.
source "$(dirname "$0")/common.sh"
program=$PWD/src/Cli/bin/Release/net10.0/disttrain
T=(--model two-layer "${common[@]}" --workers 2 --threads 1)
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null || true; rm -rf "$out"' EXIT
# Segments that were not there at the beginning: others may have theirs.
segments() { find /dev/shm -maxdepth 1 -name 'disttrain-*' | sort | comm -13 "$out/before" -; }
: >"$out/before"; segments >"$out/found"; mv "$out/found" "$out/before"
: >"$out/events"
"$program" train "${T[@]}" --epochs 1000 --out "$out/killed" >"$out/events" 2>"$out/stderr" & pids=($!)
until grep -q '"event":"progress"' "$out/events"; do
  kill -0 "${pids[0]}" 2>/dev/null || { echo "FAIL  the run ended by itself"; tail -n 3 "$out/stderr"; exit 1; }
  sleep 0.05
done
mapfile -t -O 1 pids < <(sed -n 's/.*"what":"joined".*"processId":\([0-9]*\).*/\1/p' "$out/events")
# A segment may have lost its name once everybody has it open; the processes have it mapped all the same.
mapped=$(cat "/proc/${pids[0]}/maps" | grep -c '/dev/shm/disttrain-' || true)
expect "the run that is killed has its segment mapped" yes "$([ "$mapped" -gt 0 ] && echo yes || echo no)"
kill -9 "${pids[@]}"; wait 2>/dev/null || true
echo "      killed ${pids[*]}; left at once: $(segments | tr '\n' ' ' | grep . || echo nothing)"
expect "the next run's hash" "$(golden two-layer)" "$(train "${T[@]}" --epochs 1)"
expect "segments left after the next run" 0 "$(segments | wc -l)"
finish
