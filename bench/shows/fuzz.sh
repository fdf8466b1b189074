#!/usr/bin/env bash
# Every reader of files and messages, fuzzed for so many seconds each (fuzz.sh 120), as many at a time as there are processors: one line a target.
# docs/fuzzing.md says what must hold.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
if tests/Fuzz/fuzz.sh all "${1:-120}"; then echo PASS; else echo FAIL; exit 1; fi
