#!/usr/bin/env bash
# docs/results.md: each command's accuracy on the test set and its hash. Takes half an hour on one core; names of models select some.
source "$(dirname "$0")/common.sh"
check() { # model, least accuracy, hash, options…
  local model=$1 least=$2 hash=$3; shift 3
  [[ " $selected " == *" $model "* ]] || return 0
  local last accuracy
  last=$(disttrain train --workers 0 --dataset mnist --data "$DISTTRAIN_DATA" --model "$model" --json --out "$out/$model" "$@" 2>"$out/stderr" | tail -1)
  accuracy=$(sed -n 's/.*"testAccuracy":\([0-9.]*\).*/\1/p' <<<"$last")
  expect "$model: the hash" "$hash" "$(hash_of <<<"$last")"
  expect "$model: accuracy $accuracy is at least $least" yes "$(awk -v a="$accuracy" -v b="$least" 'BEGIN {print a >= b ? "yes" : "no"}')"
}
selected=${*:-simple-convnet deep-convnet resnet-20}
check simple-convnet 0.988 736d44b083954fde0291c29a4ef919bfb024694642f851711574ae87f961f405 --epochs 5 --schedule cosine
check deep-convnet 0.9935 15d51c82ff046176616896542ef69fa476e086395e2cf3227496e07e9adf028a --optimizer adam --schedule cosine --epochs 12 --seed 7
check resnet-20 0.993 44e72a0406d48778332212f79fec8d27425ec8978cc7c589db7de8456d448706 \
  --optimizer momentum --lr 0.1 --schedule cosine --warmup-steps 100 --weight-decay 0.0005 --epochs 5 --seed 7
finish
