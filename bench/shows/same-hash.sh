#!/usr/bin/env bash
# One and the same parametersSha256 for any number of workers, threads and vector width, that of tests/golden-hashes.json.
source "$(dirname "$0")/common.sh"
T=(--model two-layer "${common[@]}" --epochs 1)
expected=$(golden two-layer)
for w in 0 1 2 3 5; do expect "$w workers" "$expected" "$(train "${T[@]}" --workers $w)"; done
for w in 0 2; do expect "$w workers, 2 threads" "$expected" "$(train "${T[@]}" --workers $w --threads 2)"; done
for setting in DOTNET_EnableAVX512=0 DOTNET_PreferredVectorBitWidth=128; do
  for w in 0 1 2 3 5; do expect "$w workers, $setting" "$expected" "$(export "${setting?}"; train "${T[@]}" --workers $w)"; done
done
short=(--model two-layer "${common[@]}" --steps 10)
ten=$(train "${short[@]}" --workers 0)
for w in 0 2; do expect "10 steps, $w workers, no FMA (DOTNET_EnableAVX2=0)" "$ten" "$(export DOTNET_EnableAVX2=0; train "${short[@]}" --workers $w)"; done
finish
