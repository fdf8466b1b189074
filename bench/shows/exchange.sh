#!/usr/bin/env bash
# One exchange on one host (parameters out to two workers, gradients in, summed) against MPI_Allreduce of the same bytes in its fastest configuration,
# in turn: at most 1.5 times as long, for the bytes of two-layer and of mlp-1024. MPI over TCP's loopback is printed beside.
#   DISTTRAIN_DATA=DIR bench/shows/exchange.sh [mpi]    mpi: that side alone
# EXCHANGE is the command that takes a number of bytes and prints milliseconds, default bench/Exchange. PAIRS rounds, default 5. A quiet machine, please.
# shellcheck source=../end-to-end/processes.sh
source "$(dirname "$0")/../end-to-end/processes.sh"
has_mpi || { echo "It takes mpirun, and a Python with mpi4py, numpy and torch." >&2; exit 2; }
exchange=${EXCHANGE:-bench/Exchange/bin/Release/net10.0/DistTrain.Bench.Exchange}
sides=(allreduce over-tcp)
if [ "${1:-}" != mpi ]; then
  sides=(ours allreduce over-tcp)
  [ -n "${EXCHANGE:-}" ] || dotnet build -c Release --nologo -v q bench/Exchange >/dev/null
fi
failures=0
ours() { $exchange "$1" | grep -o '[0-9.]*' | tail -n 1; }
allreduce() { mpi "$2" bench/end-to-end/allreduce.py "$1"; }
over-tcp() { mpi "mca.btl=self,tcp mca.btl_tcp_if_include=lo" bench/end-to-end/allreduce.py "$1"; }
# Best of two short runs each: what suits small buffers does not suit large ones.
choose() {
  local configuration this best='' least=1e9
  for configuration in '' bind-to=none mca.mpi_yield_when_idle=1 mca.btl_vader_single_copy_mechanism=none "bind-to=none mca.btl_vader_single_copy_mechanism=none"; do
    for _ in 1 2; do
      this=$(allreduce "$1" "$configuration")
      if [ "$(calculate %d "$this < $least")" = 1 ]; then least=$this best=$configuration; fi
    done
    progress "MPI_Allreduce, $1 bytes, least so far $least ms: ${best:-as it is}"
  done
  echo "$best"
}
for bytes in 318040 7454760; do
  configuration=$(choose $bytes)
  for round in $(seq "$pairs"); do
    for i in "${!sides[@]}"; do
      side=${sides[$(((i + round) % ${#sides[@]}))]}
      "$side" $bytes "$configuration" >>"$out/$side-$bytes"
      progress "round $round, $bytes bytes, $side: $(tail -n 1 "$out/$side-$bytes") ms"
    done
  done
  mpi_ms=$(median <"$out/allreduce-$bytes")
  echo "- $bytes bytes: MPI_Allreduce $(calculate %.3f "$mpi_ms") ms (${configuration:-as it is}), over TCP $(calculate %.3f "$(median <"$out/over-tcp-$bytes")") ms"
  [ -e "$out/ours-$bytes" ] || continue
  ours_ms=$(median <"$out/ours-$bytes")
  if [ "$(calculate %d "$ours_ms <= 1.5 * $mpi_ms")" = 1 ]; then verdict=ok; else verdict='BELOW AIM'; failures=$((failures + 1)); fi
  echo "- $verdict: $bytes bytes: ours $(calculate '%.3f ms, %.2f times MPI_Allreduce' "$ours_ms, $ours_ms / $mpi_ms"), aim at most 1.5"
done
[ $failures -eq 0 ]
