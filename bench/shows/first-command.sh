#!/usr/bin/env bash
# The README's first command from a fresh clone: at least 97.3 % on real MNIST, under 60 s with the build, under 10 s without.
source "$(dirname "$0")/common.sh"
git clone -q . "$out/clone"; cd "$out/clone"
command=$(awk '/^```sh/{found = 1; next} /^```/{exit} found' README.md | head -n 1)
measure() { # limit in seconds, what, command
  local start=$SECONDS
  bash -c "$3 --json --out $out/$RANDOM" >"$out/events" 2>"$out/stderr" || { tail -n 5 "$out/stderr"; failures=$((failures + 1)); return; }
  local seconds=$((SECONDS - start)) accuracy
  accuracy=$(sed -n 's/.*"event":"completed".*"testAccuracy":\([0-9.]*\).*/\1/p' "$out/events")
  if [ $seconds -lt "$1" ] && awk -v a="$accuracy" 'BEGIN {exit !(a >= 0.973)}'; then echo "ok    $2: $accuracy in $seconds s"
  else echo "FAIL  $2: $accuracy in $seconds s"; failures=$((failures + 1)); fi
}
measure 60 "with the build" "$command"
measure 10 "without" "${command/dotnet run/dotnet run --no-build}"
finish
