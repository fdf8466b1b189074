# What the scripts that measure whole steps share: runs of ours and of PyTorch, in turn, and what is made of them. To be sourced.
#   DISTTRAIN_DATA  the directory with mnist/
#   PYTHON          a Python with PyTorch; default: python3 or /usr/bin/python3, if one of them has it
#   PAIRS           pairs of runs behind a ratio, default 5
#   ISA=avx2        both sides without AVX-512
#   PEER_LAYOUT=nchw  PyTorch's images channel by channel only, as its users have them who do not ask for more
#   MEASURED        a directory in which what was measured is kept, so that another script need not measure it again
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${DISTTRAIN_DATA:?the directory that holds mnist/}"
pairs=${PAIRS:-5} isa=${ISA:-best}
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
measured=${MEASURED:-$out}
# One thread each unless a run says otherwise; which kernels the peer's BLAS takes is chosen below, by measurement.
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE ATEN_CPU_CAPABILITY ONEDNN_MAX_CPU_ISA DNNL_MAX_CPU_ISA
case $isa in
  best) ours_environment=() ;;
  avx2) ours_environment=(DOTNET_EnableAVX512=0) ;;
  *) echo "ISA is $isa; it must be best or avx2." >&2; exit 2 ;;
esac
dotnet build -c Release --nologo -v q src/Cli >/dev/null
dotnet build -c Release --nologo -v q bench/Kernels >/dev/null

progress() { echo "  $*" >&2; }
kernels() { env "${ours_environment[@]}" bench/Kernels/bin/Release/net10.0/DistTrain.Bench.Kernels "$@"; }
disttrain() { env "${ours_environment[@]}" src/Cli/bin/Release/net10.0/disttrain "$@" 2>"$out/stderr" || { cat "$out/stderr" >&2; return 1; }; }
# A training on MNIST, in one process unless the array cluster says otherwise; its JSON lines.
cluster=(--workers 0)
train() { rm -rf "$out/run"; disttrain train "${cluster[@]}" --dataset mnist --out "$out/run" --json "$@"; }
# field NAME: a number or string of the last JSON line that has it.
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" | tail -n 1; }
# calculate FORMAT EXPRESSIONS
calculate() { awk "BEGIN { printf(\"$1\", $2) }"; }
median() { sort -g | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
greatest() { sort -g | tail -n 1; }

# ours MODEL BATCH STEPS [THREADS [SHARDS]]: steps a second, without start-up and evaluation.
ours() {
  train --model "$1" --batch-size "$2" --steps "$3" --threads "${4:-1}" --shards "${5:-8}" --optimizer sgd --lr 0.1 --evaluate-every end |
    field samplesPerSecond | awk -v batch="$2" '{ print $1 / batch }'
}

# theirs MODEL BATCH STEPS CONFIGURATION: the same of PyTorch with one thread. A configuration is words: NAME=VALUE for its environment, --options for pytorch.py.
theirs() {
  local word environment=() options=()
  for word in $4; do if [[ $word == --* ]]; then options+=("$word"); else environment+=("$word"); fi; done
  env "${environment[@]}" "$python" bench/end-to-end/pytorch.py "$DISTTRAIN_DATA/mnist" "$1" "$2" "$3" "${options[@]}"
}

find_python() { # sets python, empty if none has PyTorch
  local candidate
  for candidate in "${PYTHON:-python3}" /usr/bin/python3; do
    if "$candidate" -c 'import torch, numpy' 2>/dev/null; then python=$candidate; return; fi
  done
  python=
}
find_python
has_peer() { [ -n "$python" ] && "$python" bench/end-to-end/pytorch.py --has "$1"; }

# How many steps take some seconds: ours, theirs.
steps_of() {
  case "$1 $2" in
    "two-layer 100") echo 6000 2500 ;;
    "two-layer 1000") echo 900 400 ;;
    "mlp-1024 512") echo 150 60 ;;
    "simple-convnet 100") echo 300 100 ;;
    "deep-convnet 100") echo 120 30 ;;
    "lenet-5 100") echo 1000 0 ;;
    *) echo "${STEPS:-60} ${STEPS:-60}" ;;
  esac
}

peer_avx2="ATEN_CPU_CAPABILITY=avx2 OPENBLAS_CORETYPE=Haswell ONEDNN_MAX_CPU_ISA=AVX2 DNNL_MAX_CPU_ISA=AVX2"

# best_peer MODEL BATCH: the configuration in which PyTorch is fastest here, one short run of each.
best_peer() {
  local kept=$measured/peer-$1-$2-$isa-${PEER_LAYOUT:-any}
  [ -s "$kept" ] || choose_peer "$1" "$2" >"$kept"
  cat "$kept"
}
named_peer() { best_peer "$1" "$2" | sed "s/$peer_avx2/AVX2 throughout/"; } # for people
choose_peer() {
  local steps best='' rate=0 base candidates=() more=()
  read -r _ steps < <(steps_of "$1" "$2")
  if [ "$isa" = avx2 ]; then
    candidates=("$peer_avx2")
  else
    candidates=("" OPENBLAS_CORETYPE=SkylakeX OPENBLAS_CORETYPE=Zen OPENBLAS_CORETYPE=Haswell OPENBLAS_CORETYPE=Cooperlake)
    more=(ATEN_CPU_CAPABILITY=avx512)
  fi
  case $1-${PEER_LAYOUT:-any} in *conv*-any) more+=(--channels-last) ;; esac
  try() {
    local this; this=$(theirs "$1" "$2" $((steps / 2 + 1)) "$3 --best-of=3")
    progress "PyTorch, $1, batch $2, $(calculate %.1f "$this") steps/s: ${3:-as it is}"
    if [ "$(calculate %d "$this > $rate")" = 1 ]; then rate=$this best=$3; fi
  }
  for base in "${candidates[@]}"; do try "$1" "$2" "$base"; done
  for base in "${more[@]}"; do try "$1" "$2" "$best${best:+ }$base"; done
  echo "${best:-as it is}"
}

# alternate A B: runs the two commands in turn, in the order A B, B A, A B, …, with this core's FMA peak beside each pair.
# Prints: median of A, median of B, ratio of the medians, median, least and greatest ratio of a pair, peak.
alternate() {
  local pair a b
  rm -f "$out"/{a,b,ratios,peaks}
  for pair in $(seq "$pairs"); do
    kernels peak >>"$out/peaks"
    if [ $((pair % 2)) = 1 ]; then a=$($1); b=$($2); else b=$($2); a=$($1); fi
    echo "$a" >>"$out/a"; echo "$b" >>"$out/b"; calculate '%.4f\n' "$a / $b" >>"$out/ratios"
    progress "pair $pair: $(calculate '%.1f and %.1f, ratio %.3f' "$a, $b, $a / $b")"
  done
  a=$(median <"$out/a"); b=$(median <"$out/b")
  echo "$a $b $(calculate %.4f "$a / $b") $(median <"$out/ratios") $(sort -g "$out/ratios" | head -n 1) $(greatest <"$out/ratios") $(greatest <"$out/peaks")"
}

# against_peer MODEL BATCH: what alternate prints, of ours and of PyTorch at its best.
against_peer() {
  local kept=$measured/against-$1-$2-$isa-${PEER_LAYOUT:-any} configuration steps their_steps
  if [ ! -s "$kept" ]; then
    configuration=$(best_peer "$1" "$2")
    [ "$configuration" != "as it is" ] || configuration=
    read -r steps their_steps < <(steps_of "$1" "$2")
    ours_now() { ours "$model" "$batch" "$steps"; }
    theirs_now() { theirs "$model" "$batch" "$their_steps" "$configuration"; }
    local model=$1 batch=$2
    alternate ours_now theirs_now >"$kept.part"
    mv "$kept.part" "$kept"
  fi
  cat "$kept"
}

# alone MODEL BATCH: median of ours, peak.
alone() {
  local steps
  read -r steps _ < <(steps_of "$1" "$2")
  rm -f "$out"/{a,peaks}
  for _ in $(seq "$pairs"); do kernels peak >>"$out/peaks"; ours "$1" "$2" "$steps" >>"$out/a"; progress "$1, batch $2: $(tail -n 1 "$out/a") steps/s"; done
  echo "$(median <"$out/a") $(greatest <"$out/peaks")"
}

# Multiply-adds that a step wants, counted as two: forward, weight gradient, and input gradient of all layers but the first, as `disttrain inspect` counts them.
flops_per_step() { # model, batch
  disttrain inspect --model "$1" --json | grep -o '"depth":0,[^}]*"multiplyAdds":[0-9]*' | sed 's/.*://' |
    awk -v batch="$2" '$1 > 0 { if (!first) first = $1; sum += $1 } END { printf "%.0f\n", 2 * batch * (3 * sum - first) }'
}
