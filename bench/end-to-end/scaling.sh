#!/usr/bin/env bash
# What a second process brings: steps a second of our single process with one thread and with two (what the machine gives to a second core, without any
# exchange), of ours with two workers of one thread each, and of PyTorch in two processes, with MPI_Allreduce at its best and with DDP over gloo (every
# second round). In turn, --optimizer sgd --lr 0.1, 8 shards.
#   DISTTRAIN_DATA=DIR [TRANSPORT=grpc] bench/end-to-end/scaling.sh MODEL BATCH [ROUNDS]
# Prints a row: medians, and ratios with the least and the greatest of a round. --header prints the table's head. A quiet machine, please.
if [ "${1:-}" = --header ]; then
  echo "| network, batch | one process | two threads | two workers | PyTorch, MPI | PyTorch, DDP | over MPI | over one process | over two threads | over DDP | PyTorch's fastest configuration |"
  echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
  exit
fi
[ $# -ge 2 ] || { echo "usage: scaling.sh --header | MODEL BATCH [ROUNDS]" >&2; exit 2; }
[ -z "${3:-}" ] || export PAIRS=$3
# shellcheck source=processes.sh
source "$(dirname "$0")/processes.sh"
model=$1 batch=$2
read -r steps their_steps < <(steps_of "$model" "$batch")
has_mpi || progress "No Python here has PyTorch and mpi4py, or there is no mpirun: ours alone."
configuration=
if has_mpi; then configuration=$(best_mpi "$model" "$batch"); fi
named=${configuration:-none}
[ "$configuration" != "as it is" ] || configuration=

one() { ours "$model" "$batch" $((2 * steps)); }
threads() { ours "$model" "$batch" $((2 * steps)) 2; }
two() (
  cluster=(--workers 2 ${TRANSPORT:+--transport "$TRANSPORT"})
  ours "$model" "$batch" $((2 * steps))
)
with-mpi() { with_mpi "$model" "$batch" "$their_steps" "$configuration"; }
with-ddp() { with_ddp "$model" "$batch" $((their_steps / 2)) "$configuration"; }

sides=(one threads two)
if has_mpi; then sides+=(with-mpi with-ddp); fi
for round in $(seq "$pairs"); do
  for i in "${!sides[@]}"; do
    # Another one begins each round.
    side=${sides[$(((i + round) % ${#sides[@]}))]}
    [ "$side" != with-ddp ] || [ $((round % 2)) = 1 ] || continue
    "$side" >"$out/this"
    tail -n 1 "$out/this" | sed "s/^/$round /" >>"$out/$side"
    progress "round $round, $model, batch $batch, $side: $(tail -n 1 "$out/this")"
  done
done

rate() { if [ -e "$out/$1" ]; then cut -d ' ' -f 2 "$out/$1" | median; else echo 0; fi; }
shown() { if [ "$1" = 0 ]; then echo –; else calculate %.1f "$1"; fi; }
# over SIDE: our two workers over it, ratio of the medians with the least and the greatest of a round.
over() {
  [ -e "$out/$1" ] || { echo –; return; }
  join "$out/two" "$out/$1" | awk '{ print $2 / $3 }' | sort -g >"$out/ratios"
  calculate '%.2f (%.2f to %.2f)' "$(rate two) / $(rate "$1"), $(head -n 1 "$out/ratios"), $(tail -n 1 "$out/ratios")"
}
echo "| $model, $batch | $(shown "$(rate one)") | $(shown "$(rate threads)") | $(shown "$(rate two)") | $(shown "$(rate with-mpi)") | $(shown "$(rate with-ddp)")" \
  "| $(over with-mpi) | $(over one) | $(over threads) | $(over with-ddp) | $named |"
