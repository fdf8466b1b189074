#!/usr/bin/env bash
# What checkpoints cost the training: the same run without any but the last, and with one a second, in turn; median of the ratios of samples/s.
# At most 3.5 %.
source "$(dirname "$0")/common.sh"
T=(--model "${MODEL:-two-layer}" "${common[@]}" --steps "${STEPS:-16000}" --workers 0 --threads 1)
rate() {
  run_number=$((run_number + 1))
  disttrain train "${T[@]}" "$@" --out "$out/cost-$run_number" 2>"$out/stderr" | sed -n 's/.*"event":"completed".*"samplesPerSecond":\([0-9.]*\).*/\1/p'
}
for pair in $(seq "${PAIRS:-5}"); do
  without=$(rate --checkpoint-every off); run_number=$((run_number + 1)); with=$(rate --checkpoint-every "${EVERY:-1s}"); run_number=$((run_number + 1))
  awk -v a="$without" -v b="$with" -v p="$pair" 'BEGIN { printf "pair %d: %.0f samples/s without, %.0f with: cost %.2f %%\n", p, a, b, 100 * (1 - b / a) }' | tee -a "$out/pairs"
done
cost=$(sed 's/.*cost \(.*\) %/\1/' "$out/pairs" | sort -n | sed -n "$(((${PAIRS:-5} + 1) / 2))p")
echo "median cost $cost %"
awk -v c="$cost" 'BEGIN { exit !(c <= 3.5) }' || { echo "FAIL  above 3.5 %"; failures=1; }
finish
