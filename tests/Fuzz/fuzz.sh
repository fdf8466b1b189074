#!/usr/bin/env bash
# Fuzzes with what inputs reach: fuzz.sh all|TARGET|"TARGET TARGET…" [SECONDS each, 120]. Ends with 1 if anything was found; findings lie below $FINDINGS (artifacts/fuzz).
# ENGINE=afl    afl-fuzz drives (Debian: afl++); the default where it is installed
# ENGINE=loop   the program's own loop, which needs nothing but .NET
# JOBS=N        so many targets at a time, each on a processor of its own; default: as many as there are processors
# SharpFuzz counts in copies of the assemblies, so no build is touched. Its tool is the project's package's version: tools/sharpfuzz below $FINDINGS.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
wanted=${1:?a target, or all: dotnet run -c Release --project tests/Fuzz -- list}
seconds=${2:-120}
findings=$(realpath -m "${FINDINGS:-artifacts/fuzz}")
engine=${ENGINE:-$(command -v afl-fuzz >/dev/null && echo afl || echo loop)}
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_TieredPGO=0
# Above the 512 MB of row H5 and what the program needs itself: what allocates more at once fails.
export DOTNET_GCHeapHardLimit=0x30000000
# Some targets write files.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
version=$(sed -n 's/.*Include="SharpFuzz" Version="\([^"]*\)".*/\1/p' Directory.Packages.props)
tool=$findings/tools/$version/sharpfuzz
mkdir -p "$findings"
[ -x "$tool" ] || dotnet tool install SharpFuzz.CommandLine --version "$version" --tool-path "$(dirname "$tool")" >/dev/null || exit 1
[ -n "${DISTTRAIN_BUILT:-}" ] || dotnet build -c Release --nologo -v q tests/Fuzz >&2 || exit 1

# afl-fuzz passes over seeds that crash: they are looked at first.
replay() { timeout 60 dotnet tests/Fuzz/bin/Release/net10.0/DistTrain.Fuzz.dll replay "$@"; }
targets=$wanted
[ "$wanted" = all ] && targets=$(dotnet tests/Fuzz/bin/Release/net10.0/DistTrain.Fuzz.dll list | awk '{print $1}')
[ -n "$targets" ] || { echo "There is no target." >&2; exit 1; }
for target in $targets; do
  replay "$target" "tests/Fuzz/corpus/$target"/* >"$findings/replayed" || { code=$?; grep -v "^ok" "$findings/replayed"; echo "The corpus of $target shows a fault already, or could not be replayed ($code)."; exit 1; }
done

copy=$findings/instrumented
rm -rf "$copy"
cp -r tests/Fuzz/bin/Release/net10.0 "$copy"
instrument() { # assembly, namespaces
  "$tool" "$copy/$1" "${@:2}" >/dev/null || { echo "$1 cannot be instrumented." >&2; exit 1; }
}
instrument DistTrain.Core.dll DistTrain.Core.Checkpoints DistTrain.Core.Data DistTrain.Core.Formats DistTrain.Core.Losses DistTrain.Core.Models DistTrain.Core.Optimizers DistTrain.Core.Training
instrument DistTrain.Transport.dll DistTrain.Transport
instrument disttrain-coordinator.dll DistTrain.Coordinator
instrument disttrain-worker.dll DistTrain.Worker
# The reader of PNG files is compiled into the program.
instrument DistTrain.Fuzz.dll DistTrain.Cli.Images

# What afl-fuzz would refuse: no instrumentation in the binary (dotnet), a core pattern or governor that it cannot set, a terminal.
export AFL_SKIP_BIN_CHECK=1 AFL_NO_UI=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_FAST_CAL=1

by_loop() { # target
  local lines code
  lines=$(dotnet "$copy/DistTrain.Fuzz.dll" run "$1" --seconds "$seconds" --findings "$findings" --instrumented 2>&1)
  code=$?
  # At once: others write too.
  printf '%s\n' "$lines"
  return $code
}

by_afl() { # target
  local out=$findings/afl/$1 code found line dictionary=() failed=0
  rm -rf "$out"
  mkdir -p "$out"
  dotnet "$copy/DistTrain.Fuzz.dll" words "$1" >"$out/words.dict"
  [ -s "$out/words.dict" ] && dictionary=(-x "$out/words.dict")
  # A second is the most that an input may take; five are for a busy machine, and for those that never end.
  afl-fuzz -i "tests/Fuzz/corpus/$1" -o "$out" -t 5000 -m none -V "$seconds" "${dictionary[@]}" \
    -- dotnet "$copy/DistTrain.Fuzz.dll" afl "$1" >"$out/log" 2>&1
  code=$?
  said() { sed -n "s/^$1 *: //p" "$out/default/fuzzer_stats" 2>/dev/null; }
  found=$(find "$out/default" -path '*/crashes*/id:*' -o -path '*/hangs*/id:*' 2>/dev/null)
  line=$(printf '%-20s %9s inputs, %s new ways' "$1" "$(said execs_done)" "$(said corpus_found)")
  if [ $code -ne 0 ] || ! [ "$(said execs_done)" -gt 0 ] 2>/dev/null; then
    line="FAIL  $line: afl-fuzz ended with $code"$'\n'$(tail -n 20 "$out/log"); failed=1
  elif [ -n "$found" ]; then
    line="FAIL  $line"; failed=1
    # Not the copies: those count, and a build says the same.
    while IFS= read -r file; do line+=$'\n'$(replay "$1" "$file" | sed 's/^/      /'); done <<<"$found"
  else
    line="ok    $line"
  fi
  printf '%s\n' "$line"
  return $failed
}

export -f by_loop by_afl replay
export copy findings seconds
# xargs gives each end to the next target, and fails if one has failed.
printf '%s\n' $targets | xargs -P "${JOBS:-$(nproc)}" -I{} bash -uo pipefail -c "by_$engine {}"
