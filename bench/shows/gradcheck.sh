#!/usr/bin/env bash
# Backpropagation against central differences in double: worst relative error at most 1e-6; the exit code says pass or fail.
source "$(dirname "$0")/common.sh"
for model in two-layer multi-layer; do disttrain gradcheck --model $model || failures=$((failures + 1)); done
finish
