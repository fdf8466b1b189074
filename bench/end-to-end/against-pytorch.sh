#!/usr/bin/env bash
# One thread of DistTrain beside one thread of PyTorch, in turn, on MNIST; prints steps per second and the median ratio.
#   DISTTRAIN_DATA=DIR bench/end-to-end/against-pytorch.sh [MODEL [BATCH [STEPS [PAIRS]]]]
# PYTHON names a Python with PyTorch (default python3). Run it on a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
model=${1:-two-layer} batch=${2:-100} steps=${3:-3000} pairs=${4:-7}
python=${PYTHON:-python3}
: "${DISTTRAIN_DATA:?the directory that holds mnist/}"
# PyTorch's BLAS does not always find AVX-512 by itself: give the peer its best.
grep -qw avx512f /proc/cpuinfo 2>/dev/null && export OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-SkylakeX}
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
dotnet build -c Release --nologo -v q src/Cli >/dev/null
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT

ours() {
  rm -rf "$out/run"
  src/Cli/bin/Release/net10.0/disttrain train --workers 0 --threads 1 --model "$model" --dataset mnist --batch-size "$batch" --steps "$steps" \
    --optimizer sgd --lr 0.1 --out "$out/run" --json 2>/dev/null | tail -n 1 | sed -n 's/.*"samplesPerSecond":\([0-9.eE+]*\).*/\1/p' | awk -v b="$batch" '{print $1 / b}'
}
theirs() { "$python" bench/end-to-end/pytorch.py "$DISTTRAIN_DATA/mnist" "$model" "$batch" "$steps" 1; }
median() { sort -g | awk '{v[NR] = $1} END {print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }

for pair in $(seq "$pairs"); do
  a=$(ours); b=$(theirs)
  echo "$a" >>"$out/ours"; echo "$b" >>"$out/theirs"; awk -v a="$a" -v b="$b" 'BEGIN {print a / b}' >>"$out/ratio"
  printf 'pair %d: %.0f steps/s against %.0f\n' "$pair" "$a" "$b" >&2
done
printf '%s, batch %d, one thread: DistTrain %.0f steps/s, PyTorch %.0f steps/s, median ratio %.2f (%.2f to %.2f)\n' "$model" "$batch" \
  "$(median <"$out/ours")" "$(median <"$out/theirs")" "$(median <"$out/ratio")" "$(sort -g "$out/ratio" | head -1)" "$(sort -g "$out/ratio" | tail -1)"
