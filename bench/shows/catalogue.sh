#!/usr/bin/env bash
# Every catalogue entry that fits MNIST, 50 steps with 0, 2 and 3 workers and with AVX-512 off: one hash each; with batch norm and dropout on, with augmentation on.
source "$(dirname "$0")/common.sh"
base=(--dataset mnist --data "$DISTTRAIN_DATA" --batch-size "${BATCH:-64}" --seed 7 --steps "${STEPS:-50}" --evaluate-every end --json)
check() { # name, options…
  local name=$1; shift
  local expected; expected=$(train "${base[@]}" --workers 0 --threads 2 "$@")
  for w in 2 3; do expect "$name, $w workers" "$expected" "$(train "${base[@]}" --workers $w "$@")"; done
  expect "$name, 2 workers, AVX-512 off" "$expected" "$(export DOTNET_EnableAVX512=0; train "${base[@]}" --workers 2 "$@")"
}
models=${*:-two-layer mlp-1024 multi-layer simple-convnet deep-convnet lenet-5 inception-small vgg-small alexnet-28 resnet-20 plain-20}
augmented=(--augment-shift 2 --augment-rotation 10 --augment-flip --normalize 0.1307:0.3081)
for model in $models; do
  check "$model" --model "$model"
  check "$model, augmented" --model "$model" "${augmented[@]}"
done
if [ $# -eq 0 ]; then
  check "multi-layer, batch norm and dropout" --model multi-layer --batch-norm --dropout 0.3
  check "multi-layer, batch norm, dropout, augmented" --model multi-layer --batch-norm --dropout 0.3 "${augmented[@]}"
fi
finish
