#!/usr/bin/env bash
# The same training with 0, 1 and 2 workers: the table, and hashes that agree.
source "$(dirname "$0")/common.sh"
disttrain compare --workers 0,1,2 --model two-layer --dataset mnist --data "$DISTTRAIN_DATA" --batch-size 100 --shards 8 --seed 7 --epochs 1 || failures=1
finish
