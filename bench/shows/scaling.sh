#!/usr/bin/env bash
# What a second worker brings, beside the aims; a quiet machine, please. A table and a line for each aim: ok, or BELOW AIM. Progress goes to stderr.
#   scaling.sh [MODEL…]   all five cases, or those of these models: two workers of one thread against PyTorch with MPI_Allreduce and against one process
#   scaling.sh grpc       shared memory forced off: two-layer, batch 1000, against PyTorch DDP; and the payload's rate with the bytes of mlp-1024
# PAIRS rounds each, default 5. WIRE is the command that measures our wire and prints so many "GB/s of payload".
set -euo pipefail
export LC_ALL=C PAIRS=${PAIRS:-5}
cd "$(dirname "$0")/../.."
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
export MEASURED=${MEASURED:-$out}
failures=0
verdict() { echo "$1" >>"$out/verdicts"; }
judge() { # what, "figure and more", aim
  local figure=${2%% *}
  if [ "$figure" = – ] || [ -z "$figure" ]; then verdict "- not run: $1: what it takes is not here"
  elif awk "BEGIN { exit !($figure >= $3) }"; then verdict "- ok: $1: $2, aim $3"
  else verdict "- BELOW AIM: $1: $2, aim $3"; failures=$((failures + 1)); fi
}
measure() { # model, batch; sets over_mpi, over_one, over_threads, over_ddp
  bench/end-to-end/scaling.sh "$1" "$2" >"$out/row"
  cat "$out/row"
  IFS='|' read -r _ _ _ _ _ _ _ over_mpi over_one over_threads over_ddp _ < <(sed 's/ *| */|/g' "$out/row")
}
on_one_host() { # model, batch, aim over MPI, aim over one process
  [[ " $selected " == *" $1 "* ]] || return 0
  measure "$1" "$2"
  judge "$1, batch $2, over PyTorch with MPI_Allreduce" "$over_mpi" "$3"
  judge "$1, batch $2, over one process" "$over_one" "$4"
  verdict "  (over one process with two threads: $over_threads)"
}
grpc() {
  local wire=${WIRE:-bench/Wire/bin/Release/net10.0/DistTrain.Bench.Wire}
  TRANSPORT=grpc measure two-layer 1000
  judge "two-layer, batch 1000, gRPC, over PyTorch DDP" "$over_ddp" 1.0
  if [ -e bench/Wire ]; then dotnet build -c Release --nologo -v q bench/Wire >/dev/null; fi
  judge "gRPC with the bytes of mlp-1024, GB/s" "$($wire --bytes 7454760 --workers 2 2>/dev/null | grep -o '[0-9.]* GB/s of payload' | tail -n 1)" 1.4
}

selected=${*:-two-layer mlp-1024 simple-convnet deep-convnet}
# A third busy process takes a core from MPI, which waits for its peer by spinning: ratios flatter us then.
echo "load before: $(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null || echo unknown)"; echo
bench/end-to-end/scaling.sh --header
if [ "$selected" = grpc ]; then grpc; else
  on_one_host two-layer 100 1.4 1.0
  on_one_host two-layer 1000 1.6 1.75
  on_one_host mlp-1024 512 1.3 1.85
  on_one_host simple-convnet 100 4 1.85
  on_one_host deep-convnet 100 1.7 1.85
fi
echo; cat "$out/verdicts"
[ $failures -eq 0 ]
