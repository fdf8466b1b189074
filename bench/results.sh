#!/usr/bin/env bash
# One machine's page: DISTTRAIN_DATA=DIR bench/results.sh >bench/results/NAME.md. About half an hour with PyTorch and MPI, on a machine with nothing else to do.
# What it takes from the environment: bench/end-to-end/measure.sh. Progress goes to stderr.
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
export LC_ALL=C PAIRS=${PAIRS:-5}
MEASURED=$(mktemp -d); export MEASURED; trap 'rm -rf "$MEASURED"' EXIT
dotnet build -c Release --nologo -v q src/Cli >/dev/null
dotnet build -c Release --nologo -v q bench/Kernels >/dev/null
kernels=bench/Kernels/bin/Release/net10.0/DistTrain.Bench.Kernels
section() { printf '\n## %s\n\n' "$1"; echo "== $1 ($((SECONDS - started)) s)" >&2; }
of_cpu() { lscpu | sed -n "s/^$1: *//p" | head -n 1; }
version_of_peer() {
  local candidate
  for candidate in "${PYTHON:-python3}" /usr/bin/python3; do
    "$candidate" -c 'import platform, torch; print(f"PyTorch {torch.__version__}, Python {platform.python_version()}")' 2>/dev/null && return
  done
  echo "PyTorch: none"
}

cpu=$(of_cpu 'Model name')
echo "# Measured: $cpu, $(nproc) cores"
echo
echo "Made by \`PAIRS=$PAIRS bench/results.sh\` at $(git rev-parse --short HEAD)$([ -z "$(git status --porcelain -- src bench)" ] || echo ', with changes'), $(date -u +%Y-%m-%d)."
echo "How to read it: [bench/README.md](../README.md)."
section "Machine"
cat <<ROWS
| | |
| --- | --- |
| processor | $cpu (family $(of_cpu 'CPU family'), model $(of_cpu Model)), $(nproc) cores used, hypervisor: $(of_cpu 'Hypervisor vendor' | grep . || echo none) |
| caches | L1d $(of_cpu 'L1d cache'), L2 $(of_cpu 'L2 cache'), L3 $(of_cpu 'L3 cache') |
| memory | $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo) |
| FMA peak of one core | $($kernels peak) GFLOP/s |
| system | $(. /etc/os-release; echo "$PRETTY_NAME"), Linux $(uname -r) |
| .NET | SDK $(dotnet --version), runtime $(dotnet --list-runtimes | awk '/^Microsoft.NETCore.App/ { v = $2 } END { print v }') |
| peer | $(version_of_peer) |
| load before | $(cut -d ' ' -f 1-3 /proc/loadavg) |
ROWS

section "Beside the aims"
bench/shows/speed.sh itself || true
for part in pytorch peak accuracy-time start-up threads shards allocations; do bench/shows/speed.sh "$part" | tail -n +3 || true; done
PAIRS=$(((PAIRS + 1) / 2)) bench/shows/speed.sh avx2 | tail -n +3 || true
section "Whole steps, one thread"
bench/end-to-end/steps.sh
section "Whole steps, one thread, without AVX-512"
PAIRS=$(((PAIRS + 1) / 2)) bench/end-to-end/steps.sh --isa avx2
section "Two processes on one host"
bench/shows/scaling.sh || true
section "One exchange on one host"
bench/shows/exchange.sh || true
section "Kernels, as shares of what one core can do at most"
$kernels shares products convolutions memory
section "The ladder of docs/kernels.md"
$kernels shares ladder
echo "done after $((SECONDS - started)) s" >&2
