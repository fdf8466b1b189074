#!/usr/bin/env bash
# A run on MNIST, killed with its whole process group at 20 random moments (KILLS) and resumed each time with another worker count: the calm
# run's hash. SEED chooses the moments: one in four within the start-up, the others within a second of training.
source "$(dirname "$0")/common.sh"
T=(--model two-layer "${common[@]}" --epochs "${EPOCHS:-50}")
RANDOM=${SEED:-1}
expected=$(train "${T[@]}" --workers 0)
echo "calm run               $expected"
program=$PWD/src/Cli/bin/Release/net10.0/disttrain
kills=0 resumed=0
newest() { ls "$out/run/checkpoints" 2>/dev/null | grep '^step-' | tail -n 1 || true; }
workers=(0 1 2 3 5 4)
while [ $kills -lt "${KILLS:-20}" ]; do
  count=${workers[$((RANDOM % ${#workers[@]}))]}
  [ "$count" = "${last:-}" ] && continue
  last=$count
  before=$(newest)
  setsid "$program" train "${T[@]}" --workers "$count" --out "$out/run" --resume auto --checkpoint-every 50 >>"$out/events" 2>>"$out/stderr" & group=$!
  trap 'kill -9 -- -$group 2>/dev/null || true; rm -rf "$out"' EXIT
  if [ $((RANDOM % 4)) -ne 0 ]; then
    # Progress, not time, says that it trains: a checkpoint of its own.
    until [ "$(newest)" != "$before" ]; do kill -0 $group 2>/dev/null || { echo "FAIL  the run ended by itself"; tail -n 3 "$out/stderr"; exit 1; }; sleep 0.02; done
  fi
  sleep "$(awk -v r=$RANDOM 'BEGIN { print r / 32768 }')"
  kill -9 -- -$group 2>/dev/null || { echo "FAIL  the run was over before kill $((kills + 1))"; exit 1; }
  wait $group 2>/dev/null || true
  kills=$((kills + 1))
  echo "kill $kills with $count workers: newest checkpoint $(newest), before it ${before:-none}"
  [ -n "$before" ] && resumed=$((resumed + 1))
done
actual=$("$program" train "${T[@]}" --workers 2 --out "$out/run" --resume auto 2>>"$out/stderr" | hash_of)
expect "killed $kills times, resumed $resumed times from a checkpoint" "$expected" "$actual"
program_versions=$(( $(stat -c %s "$out/run/chain.bin") / 16 ))
expect "entries of the hash chain" $((600 * ${EPOCHS:-50} + 1)) "$program_versions"
finish
