#!/usr/bin/env bash
# A run on three workers is computed again by one process: equal at any step, its shards as in a run without workers; a changed entry of the
# chain, a damaged checkpoint and another learning rate are found and named. The run's directory stays as it was.
source "$(dirname "$0")/common.sh"
T=(--model two-layer "${common[@]}" --epochs "${EPOCHS:-2}" --keep-checkpoints 99)
for w in 0 3; do disttrain train "${T[@]}" --workers $w --checkpoint-every 300 --out "$out/w$w" >/dev/null 2>"$out/stderr"; done
sums() { (cd "$1" && find . -type f -exec sha256sum {} + | sort); }
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }
before=$(sums "$out/w3")
for step in 1 500 1000; do
  result=$(disttrain replay --run "$out/w3" --step $step --json 2>"$out/stderr") && code=0 || code=$?
  expect "3 workers, step $step computed again" "0 equal" "$code $(field outcome <<<"$result")"
  echo "      $(field stepsRecomputed <<<"$result") steps from $(basename "$(field checkpoint <<<"$result")"), hash $(field chain <<<"$result")"
done
for shard in 0 5; do
  prints=()
  for w in 0 3; do prints+=("$(disttrain replay --run "$out/w$w" --step 700 --shard $shard --json 2>"$out/stderr" | field gradient)"); done
  expect "shard $shard of step 700, 0 and 3 workers" "${prints[0]}" "${prints[1]}"
done
expect "0 and 3 workers" "equal" "$(disttrain diff "$out/w0" "$out/w3" --json 2>"$out/stderr" | field outcome)"
expect "the directory is as it was" "$before" "$(sums "$out/w3")" | cut -c1-60

cp -r "$out/w3" "$out/changed"
printf '\1\2\3' | dd of="$out/changed/chain.bin" bs=1 seek=$((16 * 750)) conv=notrunc status=none
result=$(disttrain replay --run "$out/changed" --step 800 --json 2>"$out/stderr") && code=0 || code=$?
expect "chain.bin changed at step 750: replay" "1 differs 750" "$code $(field outcome <<<"$result") $(field firstDifference <<<"$result")"
text=$(disttrain diff "$out/w0" "$out/changed" 2>"$out/stderr") && code=0 || code=$?
expect "chain.bin changed at step 750: diff blames B" "1 1" "$code $(grep -c "B's record is wrong, in chain.bin at byte 12000" <<<"$text")"

# A disk that is slow to flush may have left out a save.
mapfile -t saved < <(ls "$out/changed/checkpoints" | awk -F- '/^step-/ && $2 + 0 <= 740 { print $2 + 0 }' | sort -rn)
rm "$out/changed/checkpoints/$(printf 'step-%012d' "${saved[0]}")/optimizer.safetensors"
result=$(disttrain replay --run "$out/changed" --step 740 --json 2>"$out/stderr") && code=0 || code=$?
expect "checkpoint ${saved[0]} partial: falls back to the one before" "0 ${saved[1]:-0}" "$code $(field fromStep <<<"$result")"
sed 's/^/      /' "$out/stderr"

disttrain train "${T[@]}" --workers 0 --lr 0.05 --out "$out/lr" >/dev/null 2>"$out/stderr"
text=$(disttrain diff "$out/w3" "$out/lr" 2>"$out/stderr") && code=0 || code=$?
expect "another learning rate" "1 1" "$code $(grep -c 'The first tensor that differs: 0.weight' <<<"$text")"
echo "$text" | sed 's/^/      /'
disttrain replay --run "$out/w3" --step 99999 >/dev/null 2>"$out/stderr" && code=0 || code=$?
expect "a step out of range" 2 $code
sed 's/^/      /' "$out/stderr"
finish
