#!/usr/bin/env bash
# Three workers; one is killed with SIGKILL in mid-run and another started by hand in its place: same hash, and the log names both.
source "$(dirname "$0")/common.sh"
T=(--model two-layer "${common[@]}" --epochs "${EPOCHS:-10}")
expected=$(train "${T[@]}" --workers 0)
src/Cli/bin/Release/net10.0/disttrain train "${T[@]}" --workers 3 --out "$out/run" >"$out/events" 2>"$out/stderr" &
training=$!
replacement=
trap 'kill -9 $training $replacement 2>/dev/null || true; rm -rf "$out"' EXIT
await() { # a pattern in the events
  until grep -q "$1" "$out/events"; do kill -0 $training 2>/dev/null || { echo "FAIL  the run ended before $1"; exit 1; }; sleep 0.1; done
}
await '"event":"epoch","epoch":1,'
address=$(sed -n 's/.*"event":"started".*"address":"\([^"]*\)".*/\1/p' "$out/events")
victim=$(sed -n 's/.*"what":"joined".*"processId":\([0-9]*\).*/\1/p' "$out/events" | head -n 1)
kill -9 "$victim"; echo "killed worker process $victim"
await '"event":"epoch","epoch":3,'
# Not through the function: its subshell would be the process that $! names.
src/Cli/bin/Release/net10.0/disttrain worker --coordinator "$address" --threads 1 2>"$out/replacement" & replacement=$!
echo "started worker process $replacement by hand"
wait $training || { echo "FAIL  the run ended with $?"; tail -n 3 "$out/stderr"; exit 1; }
wait $replacement || { echo "FAIL  the replacement ended with $?"; exit 1; }
expect "3 workers, one killed and replaced" "$expected" "$(hash_of <"$out/events")"
grep -h '"event":"worker"' "$out/events" | cut -c1-160
for process in $victim $replacement; do
  if grep -q "pid $process" "$out/run/log"; then echo "ok    the log names $process"; else echo "FAIL  the log does not name $process"; failures=$((failures + 1)); fi
done
finish
