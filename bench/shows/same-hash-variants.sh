#!/usr/bin/env bash
# The same promise for other runs: shards no power of two, an odd batch, Adam, a deeper network with sigmoid and Xavier.
source "$(dirname "$0")/common.sh"
base=(--dataset mnist --data "$DISTTRAIN_DATA" --seed 7 --epochs 1 --json)
check() { # golden name, options…
  local expected name=$1; shift
  expected=$(golden "$name")
  for w in 0 1 2 3 5; do expect "$name, $w workers" "$expected" "$(train "${base[@]}" "$@" --workers $w)"; done
  expect "$name, 2 workers, 2 threads" "$expected" "$(train "${base[@]}" "$@" --workers 2 --threads 2)"
  expect "$name, 2 workers, 256 bits" "$expected" "$(export DOTNET_EnableAVX512=0; train "${base[@]}" "$@" --workers 2)"
  expect "$name, 3 workers, 128 bits" "$expected" "$(export DOTNET_PreferredVectorBitWidth=128; train "${base[@]}" "$@" --workers 3)"
}
check "two-layer --shards 5" --model two-layer --batch-size 100 --shards 5
check "two-layer --batch-size 97" --model two-layer --batch-size 97 --shards 8
check "two-layer --optimizer adam" --model two-layer --batch-size 100 --shards 8 --optimizer adam
check "multi-layer --activation sigmoid --initializer xavier" --model multi-layer --activation sigmoid --initializer xavier --batch-size 100 --shards 8
finish
