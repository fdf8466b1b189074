#!/usr/bin/env bash
# "Nothing lost" against a real cluster, one part per promise: faults.sh PART…, or all of them. docs/faults.md says what each row must hold.
#   schedules    100 random schedules of kills, stops, joins and departures: equal hashes; re-issue, hang detection, memory and descriptors
#   stragglers   a worker with a tenth of a core; the whole cluster with a tenth of a core
#   coordinator  killed in each phase; SIGTERM once and twice; two on one run directory
#   storage      disk full, disk errors, a crash in every operation of a save, damaged checkpoints
#   audit        NaN, a flipped mantissa bit, liars
#   goodput      one kill per 15 s for five minutes
#   soak         1,200 kills at a mean of one second, the coordinator 1 in 20
#   simulation   500 seeds, and each safeguard taken away
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
dotnet build -c Release --nologo -v q >/dev/null || exit 1
chaos() { dotnet run -c Release --no-build --project tests/Chaos -- "$@"; }
failures=0
part() {
  echo "== $1"
  case $1 in
    schedules) chaos --schedules "${SCHEDULES:-100}" ;;
    stragglers) chaos --rows P6,P6b,T4 ;;
    coordinator) chaos --rows P10,P11,P12,P13 ;;
    storage) chaos --rows S1,S2,S3,S3b,S4,S8 ;;
    audit) chaos --rows D1,D2,H4 ;;
    goodput) chaos --soak 300 --mean-kill 15 --goodput 0.95 ;;
    soak) chaos --soak 1200 --mean-kill 1 --goodput 0 ;;
    simulation) dotnet test -c Release --no-build --project tests/Simulation.Tests ;;
    *) echo "There is no part $1."; return 2 ;;
  esac || { echo "FAIL  $1"; failures=$((failures + 1)); }
}
[ $# -gt 0 ] || set -- schedules stragglers coordinator storage audit goodput soak simulation
for name in "$@"; do part "$name"; done
[ $failures -eq 0 ] && echo PASS || { echo "FAIL ($failures)"; exit 1; }
