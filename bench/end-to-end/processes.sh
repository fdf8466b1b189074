# What the scripts share that measure PyTorch in two processes of one host, under MPI or DDP. To be sourced; what it takes from the environment:
# measure.sh.
# shellcheck source=measure.sh
source "$(dirname "${BASH_SOURCE[0]}")/measure.sh"
# Open MPI refuses to run as root unless told that it may.
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
has_mpi() { [ -n "$python" ] && command -v mpirun >/dev/null && "$python" -c 'import mpi4py' 2>/dev/null; }

# mpi CONFIGURATION PROGRAM ARGUMENTS…: two processes. A configuration is words: bind-to=none, mca.NAME=VALUE for Open MPI's own parameters, NAME=VALUE
# for the environment.
mpi() {
  local word environment=() options=() configuration=$1; shift
  for word in $configuration; do
    case $word in
      bind-to=*) options+=(--bind-to "${word#*=}") ;;
      mca.*=*) word=${word#mca.}; options+=(--mca "${word%%=*}" "${word#*=}") ;;
      *) environment+=("$word") ;;
    esac
  done
  env "${environment[@]}" mpirun -np 2 "${options[@]}" "$python" "$@"
}
# with_mpi MODEL BATCH STEPS CONFIGURATION [OPTION…], with_ddp MODEL BATCH STEPS CONFIGURATION: steps a second of PyTorch in two processes.
with_mpi() { mpi "$4" bench/end-to-end/pytorch_processes.py mpi "$DISTTRAIN_DATA/mnist" "$1" "$2" "$3" "${@:5}"; }
with_ddp() {
  local word environment=()
  # What is Open MPI's is not for gloo.
  for word in $4; do case $word in bind-to=* | mca.*) ;; *) environment+=("$word") ;; esac; done
  env "${environment[@]}" "$python" bench/end-to-end/pytorch_processes.py ddp "$DISTTRAIN_DATA/mnist" "$1" "$2" "$3"
}

# best_mpi MODEL BATCH: the configuration in which PyTorch with MPI_Allreduce is fastest here, one short run of each.
best_mpi() {
  local kept=$measured/mpi-$1-$2
  [ -s "$kept" ] || choose_mpi "$1" "$2" >"$kept"
  cat "$kept"
}
choose_mpi() {
  local steps best='' rate=0 base word
  read -r _ steps < <(steps_of "$1" "$2")
  try() {
    local this
    # One that this machine cannot run, such as wider registers than it has, is not the fastest.
    this=$(with_mpi "$1" "$2" "$((steps / 2 + 1))" "$3" --best-of 3 2>"$out/stderr") || { progress "PyTorch with MPI does not run here with $3"; return 0; }
    progress "PyTorch with MPI, $1, batch $2, $(calculate %.1f "$this") steps/s: ${3:-as it is}"
    if [ "$(calculate %d "$this > $rate")" = 1 ]; then rate=$this best=$3; fi
  }
  for base in '' OPENBLAS_CORETYPE=SkylakeX OPENBLAS_CORETYPE=Zen OPENBLAS_CORETYPE=Haswell OPENBLAS_CORETYPE=Cooperlake; do try "$1" "$2" "$base"; done
  for word in ATEN_CPU_CAPABILITY=avx512 bind-to=none mca.mpi_yield_when_idle=1 mca.btl_vader_single_copy_mechanism=none; do
    base=$best; try "$1" "$2" "$base${base:+ }$word"
  done
  echo "${best:-as it is}"
}
