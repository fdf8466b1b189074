#!/usr/bin/env bash
# two-layer with batches of 32 on two workers over gRPC: compare says that it does not pay, and the medians that it has measured say the same.
source "$(dirname "$0")/common.sh"
source "$(dirname "$0")/verdict.sh"
disttrain compare --workers 2 --threads 1 --transport grpc --model two-layer --batch-size 32 --dataset mnist --data "$DISTTRAIN_DATA" --shards 8 --seed 7 \
  --optimizer sgd --lr 0.1 --out "$out/compare" || failures=$((failures + 1))
check_verdict "$out/compare/compare.json"
expect "it does not pay" no "$(field pays "$out/compare/compare.json")"
finish
