#!/usr/bin/env bash
# Four workers of one thread on four hosts (network namespaces), the coordinator on a fifth, every host with one link to a switch: is a step as fast as
# links of 100 Mbit/s and 1 Gbit/s allow? As root on Linux. namespaces.sh [MODEL…]; RATES="100 1000" Mbit/s, SECONDS_EACH=24.
#   step <= 1.15 x (compute + first + max(0, rest - forward) + first + max(0, rest - backward))
# compute   what the slowest worker computes in a step by its own report (disttrain status): in this run, or in one of four workers on this machine without
#           links, whichever is less, since a worker may count waiting for a layer as computing. In both all four are at once on the cores there are.
#           Forward and backward are its parts by the multiply-adds of each.
# first     the coordinator's link (the busiest: it carries the parameters to every worker that takes part, and its partial back; a worker's link carries
#           one of each) for the bytes of the first layer with parameters. Nothing can be computed before they have come, and their gradient is the last.
# rest      the same of the other layers, which may travel while another layer is computed. Down and up are added.
# Transfers are at the link's rate, of the bytes that it really let through, headers included, less the burst that it lets through at once. So that waste
# does not count as need, these bytes may be at most 1.1 times what four workers need. A run may leave workers out
# whose share would not be worth its transfer; the bytes show it.
set -euo pipefail
source "$(dirname "$0")/hosts.sh"
source "$(dirname "$0")/common.sh"
workers=4 program=$PWD/src/Cli/bin/Release/net10.0/disttrain
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null || true; rm -rf "$out"' EXIT
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" | tail -n 1; }
calculate() { awk "BEGIN { printf(\"$1\", $2) }"; }
options() { echo --model "$1" --batch-size "$2" --dataset mnist --data "$DISTTRAIN_DATA" --optimizer sgd --lr 0.1 --shards 8 --seed 7 --evaluate-every end \
  --checkpoint-every off --json; }

# layers MODEL: bytes of all parameters, bytes of the first layer that has some, the share of a step's multiply-adds that the forward pass has.
layers() {
  "$program" inspect --model "$1" --json | grep -o '"depth":0,[^}]*"multiplyAdds":[0-9]*' | sed 's/.*"parameters":\([0-9]*\),.*"multiplyAdds":\([0-9]*\)/\1 \2/' |
    awk '{ bytes += 4 * $1; if ($1 > 0 && !first) first = 4 * $1; work += $2; if ($2 > 0 && !early) early = $2 }
      END { printf "%d %d %.4f\n", bytes, first, work / (3 * work - early) }'
}
# The greatest of the workers' medians of some looks at a run, in milliseconds.
compute_of() { # how often to look, command that asks for the status…
  for _ in $(seq "$1"); do "${@:2}" 2>/dev/null | grep -o '"id":[0-9]*\|"computeMilliseconds":[0-9.]*' || true; done |
    awk -F: '/id/ { id = $2 } /compute/ { print id, $2 }' | sort -k1,1n -k2,2g |
    awk '{ v[$1, ++n[$1]] = $2 } END { for (id in n) { m = v[id, int((n[id] + 1) / 2)]; if (m > most) most = m } printf "%.3f\n", most }'
}
progressed() { # process
  until grep -q '"event":"progress"' "$out/events"; do
    kill -0 "$1" 2>/dev/null || { echo "FAIL  the run ended before it told of any progress"; tail -n 3 "$out/stderr"; exit 1; }
    sleep 0.1
  done
}

without_links() { # model, batch: sets near, what workers report, in milliseconds
  : >"$out/events"
  # shellcheck disable=SC2046
  "$program" train $(options "$1" "$2") --steps 100000 --workers $workers --threads 1 --out "$out/near-$1" >"$out/events" 2>"$out/stderr" & pids=($!)
  progressed "${pids[0]}"
  near=$(compute_of 5 "$program" status --json --run "$out/near-$1")
  kill -9 "${pids[0]}"; wait "${pids[0]}" 2>/dev/null || true
  pids=()
}
on_links() { # model, batch, steps, Mbit/s: sets step and far (what workers report) in milliseconds, down, up (bytes per step of host 0), others, reissued
  local i outs=() ins=() coordinator begun
  : >"$out/events"
  # shellcheck disable=SC2046
  (on_host 0 "$program" coordinator --listen 0.0.0.0:29500 --insecure --workers $workers $(options "$1" "$2") --steps "$3" --out "$out/far-$1-$4") \
    >"$out/events" 2>"$out/stderr" & coordinator=$!
  pids=("$coordinator")
  for i in $(seq $workers); do
    (on_host "$i" "$program" worker --coordinator "$(address_of 0):29500" --threads 1 --data "$DISTTRAIN_DATA") >"$out/worker-$i" 2>&1 & pids+=($!)
  done
  # Bytes are counted from the first report of progress: the first steps are leased twice, since nobody knows yet how long they take.
  progressed "$coordinator"
  begun=$(field step <"$out/events")
  for i in $(seq 0 $workers); do outs+=("$(sent "$i" out)") ins+=("$(sent "$i" in)"); done
  far=$(compute_of 2 ip netns exec host0 "$program" status --json --coordinator 127.0.0.1:29500)
  wait "$coordinator" || { echo "FAIL  the run ended with $?"; tail -n 3 "$out/stderr"; exit 1; }
  wait "${pids[@]}" 2>/dev/null || true
  pids=()
  step=$(field samplesPerSecond <"$out/events" | awk -v batch="$2" '{ printf "%.3f\n", 1000 * batch / $1 }')
  # The evaluation at the end takes the parameters once more.
  down=$((($(sent 0 out) - outs[0]) / ($3 + 1 - begun))) up=$((($(sent 0 in) - ins[0]) / ($3 - begun)))
  others=
  for i in $(seq $workers); do others+=" host$i in $((($(sent "$i" in) - ins[i]) / ($3 + 1 - begun))) out $((($(sent "$i" out) - outs[i]) / ($3 - begun)));"; done
  reissued=$(grep -c '"what":"reissued"' "$out/events" || true)
}
check() { # model, batch, Mbit/s
  local bytes first share burst steps terms bound wire
  read -r bytes first share < <(layers "$1")
  burst=$(($3 >= 1000 ? 32768 : 16384))
  narrow $workers "$3mbit" $burst
  # Some seconds, at least twelve steps.
  steps=$(calculate %d "(s = 1000 * ${SECONDS_EACH:-24} / ($near + 2 * $workers * $bytes * 8 / $3 / 1000)) < 12 ? 12 : s > 1000 ? 1000 : s")
  on_links "$1" "$2" "$steps" "$3"
  compute=$(calculate %.3f "$far < $near ? $far : $near")
  terms=$(calculate '%.2f %.2f %.2f %.2f %.2f %.2f %.3f' "f = $share * $compute, b = $compute - f, d = ($down - $burst) * 8 / $3 / 1000 * $first / $bytes,
    dr = ($down - $burst) * 8 / $3 / 1000 * (1 - $first / $bytes), u = ($up - $burst) * 8 / $3 / 1000 * $first / $bytes,
    ur = ($up - $burst) * 8 / $3 / 1000 * (1 - $first / $bytes), ($down > $up ? $down : $up) / ($workers * $bytes)" | tr -d '\n')
  read -r forward backward first_down rest_down first_up rest_up wire <<<"$terms"
  bound=$(calculate %.1f "1.15 * ($compute + $first_down + ($rest_down > $forward ? $rest_down - $forward : 0) + $first_up + ($rest_up > $backward ? $rest_up - $backward : 0))")
  echo "$1, batch $2, $workers workers, links of $3 Mbit/s both ways, $steps steps, $reissued leases granted again"
  echo "  compute: $far ms on the links, $near without; the lesser is $forward forward, $backward backward"
  echo "  bytes per step: host0 out $down in $up;$others of parameters $bytes, so $(calculate '%.2f copies out, %.2f in' "$down / $bytes, $up / $bytes")"
  echo "  step <= 1.15 x ($compute + $first_down + max(0, $rest_down - $forward) + $first_up + max(0, $rest_up - $backward)) = $bound ms"
  if awk "BEGIN { exit !($step <= $bound && $wire <= 1.1) }"; then echo "  PASS  a step takes $step ms"
  else echo "  FAIL  a step takes $step ms, $(calculate %.2f "1.15 * $step / $bound") of what is in brackets"; failures=$((failures + 1)); fi
}

make_hosts $workers
echo "placement: coordinator on host0 ($(address_of 0)), one worker each on host1 to host$workers; $(nproc) cores for them all"
for model in ${*:-two-layer mlp-1024 simple-convnet}; do
  case $model in mlp-1024) batch=512 ;; *) batch=100 ;; esac
  without_links "$model" $batch
  for rate in ${RATES:-100 1000}; do check "$model" $batch "$rate"; done
done
finish
