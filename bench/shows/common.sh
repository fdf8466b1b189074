# What the scripts share. DISTTRAIN_DATA names the directory with mnist/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${DISTTRAIN_DATA:?the directory that holds mnist/}"
DISTTRAIN_DATA=$(cd "$DISTTRAIN_DATA" && pwd); export DISTTRAIN_DATA
common=(--dataset mnist --data "$DISTTRAIN_DATA" --batch-size 100 --shards 8 --seed 7 --json)
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
failures=0
[ -n "${DISTTRAIN_BUILT:-}" ] || dotnet build -c Release --nologo -v q src/Cli >/dev/null
disttrain() { src/Cli/bin/Release/net10.0/disttrain "$@"; }
hash_of() { sed -n 's/.*"event":"completed".*"parametersSha256":"\([0-9a-f]*\)".*/\1/p'; }
golden() { sed -n "/\"mnist\"/,\$s/.*\"$1\": \"\([0-9a-f]*\)\".*/\1/p" tests/golden-hashes.json; }
run_number=0
# the hash of a training run with these options (later ones win where the command line allows one only)
train() {
  run_number=$((run_number + 1))
  disttrain train "$@" --out "$out/run-$BASHPID-$run_number" 2>"$out/stderr" | hash_of
}
expect() { # what, expected, actual
  if [ -n "$2" ] && [ "$2" = "$3" ]; then echo "ok    $1  $3"; else echo "FAIL  $1: expected ${2:-nothing}, got ${3:-nothing}"; tail -n 3 "$out/stderr"; failures=$((failures + 1)); fi
}
finish() { if [ $failures -eq 0 ]; then echo PASS; else echo "FAIL ($failures)"; exit 1; fi; }
