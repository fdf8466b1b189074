#!/usr/bin/env bash
# Forty trials on MNIST: with 0 workers, with 2, and with 2 killed half-way (kill -9) and resumed: one table.
source "$(dirname "$0")/common.sh"
T=(search --model two-layer --dataset mnist --data "$DISTTRAIN_DATA" --seed 7 --trials "${TRIALS:-40}" --lr log:1e-4..1 --momentum lin:0.5..0.99
  --weight-decay log:1e-8..1e-3 --holdout 0.2 --steps "${STEPS:-180}" --halving 3)
program=$PWD/src/Cli/bin/Release/net10.0/disttrain
table() { if [ -s "$1/search.csv" ]; then cat "$1/search.csv" "$1/search.json" | sha256sum | cut -c 1-64; fi; }
trials() { local known; known=$(grep -c '"event":"trial"' "$out/events" 2>/dev/null) || true; echo "${known:-0}"; }
took() { echo "      $1 took $((SECONDS - since)) s"; }
since=$SECONDS
"$program" "${T[@]}" --workers 0 --out "$out/none" 2>"$out/stderr" | sed -n '/^rank/,$p'
took "0 workers"
expected=$(table "$out/none")
since=$SECONDS
"$program" "${T[@]}" --workers 2 --out "$out/two" >/dev/null 2>"$out/stderr" || true
took "2 workers"
expect "the table of 2 workers" "$expected" "$(table "$out/two")"

"$program" "${T[@]}" --workers 2 --out "$out/killed" --json >"$out/events" 2>"$out/stderr" & search=$!
trap 'kill -9 $search 2>/dev/null || true; rm -rf "$out"' EXIT
# Half of the trainings: 27 in a round of 20 trials sorted out by 3.
until [ "$(trials)" -ge "${KILL_AT:-28}" ]; do kill -0 $search 2>/dev/null || { echo "FAIL  the search ended by itself"; tail -n 3 "$out/stderr"; exit 1; }; sleep 0.02; done
kill -9 $search; wait $search 2>/dev/null || true
before=$(trials)
children=$(sed -n 's/.*"event":"trialStarted".*"processId":\([0-9]*\).*/\1/p' "$out/events" | sort -u)
# Within a second of having begun to look at their input, which closed with the search; on a busy machine a process may not have begun yet.
for _ in $(seq 100); do
  alive=0; for child in $children; do if kill -0 "$child" 2>/dev/null; then alive=$((alive + 1)); fi; done
  [ $alive -eq 0 ] && break; sleep 0.1
done
expect "processes that outlived the killed search" "0" "$alive"
"$program" search --resume auto --out "$out/killed" --workers 2 --json >"$out/rest" 2>"$out/stderr" || true
known=$(sed -n 's/.*"event":"search".*"resultsAtHand":\([0-9]*\).*/\1/p' "$out/rest")
echo "      killed with $before results told, resumed with ${known:-none} at hand"
expect "the table of the search that was killed and resumed" "$expected" "$(table "$out/killed")"
finish
