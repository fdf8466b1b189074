#!/usr/bin/env bash
# What the live view costs: the same run on a pseudo-terminal of 120 columns and with its output in a file, in turn; at most 1 % of the samples a second. One process, and two workers.
# And: with --json standard output is JSON, line by line. Needs script(1). PAIRS rounds, default 7; EPOCHS each, default 10.
source "$(dirname "$0")/common.sh"
program=$PWD/src/Cli/bin/Release/net10.0/disttrain
median() { sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
rate() { sed -n 's/.*"event":"completed".*"samplesPerSecond":\([0-9.]*\).*/\1/p' "$1/metrics.jsonl"; }
options=(--model two-layer --dataset mnist --data "$DISTTRAIN_DATA" --seed 7 --epochs "${EPOCHS:-10}" --evaluate-every end --checkpoint-every off)
# run SIDE WORKERS
run() {
  local directory=$out/$round-$1-$2
  if [ "$1" = live ]; then
    env -u CI -u NO_COLOR TERM=xterm-256color script -q -e -c "stty cols 120 rows 40; exec $program train --workers $2 ${options[*]} --out $directory" /dev/null >"$out/screen" </dev/null
    grep -q "to go" "$out/screen" || { echo "FAIL  the live view was not there"; exit 1; }
  else
    "$program" train --workers "$2" "${options[@]}" --out "$directory" >"$out/plain" 2>"$out/stderr"
  fi
  rate "$directory" >>"$out/$1-$2"
}
for workers in 0 2; do
  for round in $(seq "${PAIRS:-7}"); do
    sides=(plain live)
    for i in 0 1; do run "${sides[$(((i + round) % 2))]}" $workers; done
  done
  plain=$(median <"$out/plain-$workers") live=$(median <"$out/live-$workers")
  # Of each round, whose two runs follow each other, by how much the second side is slower: the machine's own ups and downs are as large between rounds.
  paste "$out/plain-$workers" "$out/live-$workers" | awk '{ printf "%.2f\n", 100 * (1 - $2 / $1) }' >"$out/costs-$workers"
  cost=$(median <"$out/costs-$workers")
  if awk "BEGIN { exit !($cost <= 1) }"; then mark=ok; else mark=FAIL failures=$((failures + 1)); fi
  printf '%-5s --workers %s: %.0f samples/s without, %.0f with the live view (medians); by rounds it costs %.1f %% (at most 1; single rounds %s)\n' $mark $workers "$plain" "$live" "$cost" "$(sort -g "$out/costs-$workers" | awk '{ v[NR] = $1 } END { print v[1] " to " v[NR] }')"
done

"$program" train --workers 2 "${options[@]}" --json --progress-interval 0.1 --out "$out/json" >"$out/lines" 2>"$out/stderr"
bad=$(awk '!/^\{"event":.*\}$/' "$out/lines" | wc -l)
expect "lines of --json that are no objects" 0 "$bad"
if command -v python3 >/dev/null; then
  parsed=$(python3 -c 'import json, sys; print(sum(json.loads(line)["event"] != "" for line in sys.stdin))' <"$out/lines" 2>/dev/null || echo 0)
  expect "lines of --json, all parsed" "$(wc -l <"$out/lines")" "$parsed"
else
  echo "not run: lines of --json, all parsed (there is no python3 here)"
fi
finish
