#!/usr/bin/env bash
# 0, 1 and 2 workers, and one process with one thread and with two, in turn: hashes that agree, parts of a step that add up, a verdict that fits the medians.
#   MODEL, BATCH   what to train, by default two-layer with 1000
source "$(dirname "$0")/common.sh"
source "$(dirname "$0")/verdict.sh"
model=${MODEL:-two-layer} batch=${BATCH:-1000}
disttrain compare --workers 0,1,2 --model "$model" --batch-size "$batch" --dataset mnist --data "$DISTTRAIN_DATA" --shards 8 --seed 7 --optimizer sgd --lr 0.1 \
  --out "$out/compare" || failures=$((failures + 1))
check_verdict "$out/compare/compare.json"
expect "a plot" "PNG" "$(head -c 4 "$out/compare/compare.png" | tail -c 3)"
finish
