#!/usr/bin/env bash
# Whole training steps on MNIST, one thread, --optimizer sgd --lr 0.1, 8 shards: steps a second, multiply-adds as a share of the core's FMA peak,
# bytes allocated per step, and beside it PyTorch in its fastest configuration, where it is installed.
#   DISTTRAIN_DATA=DIR bench/end-to-end/steps.sh [--isa avx2] [--pairs N] [MODEL BATCH [STEPS]]
# --isa avx2: both without AVX-512. A quiet machine, please. Progress goes to stderr, a Markdown table to stdout.
while [[ ${1:-} == --* ]]; do
  case $1 in
    --isa) export ISA=$2 ;;
    --pairs) export PAIRS=$2 ;;
    *) echo "There is no option $1." >&2; exit 2 ;;
  esac
  shift 2
done
[ -z "${3:-}" ] || export STEPS=$3
# shellcheck source=measure.sh
source "$(dirname "$0")/measure.sh"
if [ -n "${STEPS:-}" ]; then steps_of() { echo "$STEPS $STEPS"; }; fi

row() { # model, batch
  local rate peak flops peer=' – | – | – | –' theirs ratio middle low high configuration
  progress "$1, batch $2"
  if has_peer "$1"; then
    read -r rate theirs ratio middle low high peak < <(against_peer "$1" "$2")
    configuration=$(named_peer "$1" "$2")
    peer="$(calculate " %.1f | **%.2f** | %.2f (%.2f to %.2f) | " "$theirs, $ratio, $middle, $low, $high")$configuration"
  else
    read -r rate peak < <(alone "$1" "$2")
  fi
  flops=$(flops_per_step "$1" "$2")
  calculate "| $1, $2 | %.1f | %.1f | %.0f %% | %s |" "$rate, $flops * $rate / 1e9, 100 * $flops * $rate / 1e9 / $peak, $(kernels allocations "$1" "$2")"
  echo "$peer |"
}

echo "| network, batch | steps/s | GFLOP/s | of the FMA peak | bytes allocated per step | PyTorch, steps/s | ratio of medians | of pairs | PyTorch's fastest configuration |"
echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
if [ $# -ge 2 ]; then
  row "$1" "$2"
else
  row two-layer 100; row two-layer 1000; row mlp-1024 512; row simple-convnet 100; row deep-convnet 100; row lenet-5 100; row resnet-20 100
fi
