#!/usr/bin/env bash
# The program as a tool of .NET, from a clean directory: packed, installed and started by its shim and by 'dotnet tool run', it trains in its own process and on
# two workers, which it starts itself, with the bits of the build. Needs no data and no network beyond the build's own. NUPKG: a package that is there already.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
failures=0
expect() { # what, expected, actual
  if [ -n "$2" ] && [ "$2" = "$3" ]; then echo "ok    $1  $3"; else echo "FAIL  $1: expected ${2:-nothing}, got ${3:-nothing}"; tail -n 5 "$out/stderr"; failures=$((failures + 1)); fi
}
version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' Directory.Build.props)
# With directories of its own for what is built: those of the ordinary build hold code that is compiled ahead.
[ -n "${NUPKG:-}" ] || dotnet pack src/Cli -c Release -o "$out/package" --artifacts-path "$out/artifacts" -v q >"$out/stderr" 2>&1 || { cat "$out/stderr"; exit 1; }
package=${NUPKG:-$out/package/DistTrain.$version.nupkg}
mkdir -p "$out/empty" "$out/home"; cd "$out/empty"
# Nothing of this user's: neither tools nor packages, nor variables that options would read.
for name in $(compgen -e | grep '^DISTTRAIN_' || true); do unset "$name"; done
export HOME=$out/home DOTNET_CLI_HOME=$out/home NUGET_PACKAGES=$out/nuget
feed=$(dirname "$package")
dotnet tool install DistTrain --tool-path "$out/tools" --add-source "$feed" >"$out/stderr" 2>&1 || { cat "$out/stderr"; exit 1; }
dotnet new tool-manifest >>"$out/stderr" 2>&1
dotnet tool install DistTrain --source "$feed" >>"$out/stderr" 2>&1 || { cat "$out/stderr"; exit 1; }

expect "its version" "$version" "$("$out/tools/disttrain" --version | sed 's/+.*//')"
train() { # workers, how it is started…
  local workers=$1; shift
  "$@" train --workers "$workers" --steps 20 --dataset synthetic --json --out "$out/run-$RANDOM" 2>"$out/stderr" \
    | sed -n 's/.*"event":"completed".*"parametersSha256":"\([0-9a-f]*\)".*/\1/p'
}
alone=$(train 0 "$out/tools/disttrain")
expect "in its own process" "$alone" "$alone"
expect "on two workers, by its shim" "$alone" "$(train 2 "$out/tools/disttrain")"
expect "on two workers, by 'dotnet tool run'" "$alone" "$(train 2 dotnet tool run disttrain)"
PATH=$out/tools:$PATH
expect "on two workers, found by PATH" "$alone" "$(train 2 disttrain)"
expect "a picture by the library that came along" yes "$(disttrain experiment weight-init --quick --out "$out/pictures" >"$out/stderr" 2>&1; find "$out/pictures" -name '*.png' | grep -q . && echo yes)"
if [ $failures -eq 0 ]; then echo PASS; else echo "FAIL ($failures)"; exit 1; fi
