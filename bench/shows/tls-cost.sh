#!/usr/bin/env bash
# What TLS with certificates on both sides costs: mlp-1024 (batch 512, two workers of one thread on hosts of their own, the coordinator on a third; links as
# fast as the kernel's) in clear (--insecure) and with TLS, in turn. At most 10 % of the steps a second. As root on Linux. PAIRS rounds, default 5.
set -euo pipefail
source "$(dirname "$0")/hosts.sh"
source "$(dirname "$0")/common.sh"
workers=2 steps=${STEPS:-150} program=$PWD/src/Cli/bin/Release/net10.0/disttrain
address="$(address_of 0):29500"
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null || true; rm -rf "$out"' EXIT
median() { sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" | tail -n 1; }
make_hosts $workers

# run NAME "COORDINATOR'S OPTION…" "WORKERS' OPTION…": writes samples a second to NAME, and the hash to hashes.
run() {
  local coordinator i events=$out/events
  # shellcheck disable=SC2086
  (on_host 0 "$program" coordinator --listen 0.0.0.0:29500 $2 --workers $workers --model mlp-1024 --batch-size 512 --dataset mnist --data "$DISTTRAIN_DATA" \
    --optimizer sgd --lr 0.1 --shards 8 --seed 7 --steps "$steps" --evaluate-every end --checkpoint-every off --json --out "$out/run-$round-$1") \
    >"$events" 2>"$out/stderr" & coordinator=$!
  pids=("$coordinator")
  for i in $(seq $workers); do
    # shellcheck disable=SC2086
    (on_host "$i" "$program" worker --coordinator "$address" --threads 1 --data "$DISTTRAIN_DATA" $3) >"$out/worker-$i" 2>&1 & pids+=($!)
  done
  wait "$coordinator" || { echo "FAIL  $1: the run ended with $?"; tail -n 3 "$out/stderr" "$out"/worker-*; exit 1; }
  wait "${pids[@]}" 2>/dev/null || true
  pids=()
  hash_of <"$events" >>"$out/hashes"
  field samplesPerSecond <"$events" >>"$out/$1"
  echo "round $round, $1: $(tail -n 1 "$out/$1") samples/s" >&2
}
clear() { run clear --insecure ""; }
tls() { run tls "--identity $out/identity" "--token $(field token <"$out/token") --ca-hash $(field caHash <"$out/token")"; }

disttrain token create --identity "$out/identity" --coordinator "$address" --json >"$out/token"
sides=(clear tls)
for round in $(seq "${PAIRS:-5}"); do
  for i in 0 1; do "${sides[$(((i + round) % 2))]}"; done
done
expect "hashes in clear and over TLS" "$(head -n 1 "$out/hashes")" "$(sort -u "$out/hashes")"
open=$(median <"$out/clear") closed=$(median <"$out/tls")
cost=$(awk -v a="$open" -v b="$closed" 'BEGIN { printf "%.1f", 100 * (1 - b / a) }')
if awk "BEGIN { exit !($cost <= 10) }"; then mark=ok; else mark=FAIL failures=$((failures + 1)); fi
printf '%-5s mlp-1024, two workers: %.0f samples/s in clear, %.0f over TLS: %s %% of the step rate (at most 10)\n' $mark "$open" "$closed" "$cost"
finish
