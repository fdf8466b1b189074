#!/usr/bin/env bash
# docs/getting-started.md, followed to the letter: its commands, read from it, block by block, in a fresh clone (with --here, in this tree), and what each block has to come to.
# The Chinese page has the same commands. PyTorch's step is not run where there is none. MNIST comes from DISTTRAIN_DATA, if that is set.
set -uo pipefail
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
[ -d ../shared/data/mnist ] && export DISTTRAIN_DATA="${DISTTRAIN_DATA:-$(cd ../shared/data && pwd)}"
# In this tree its runs go elsewhere, and the build that is there is taken.
if [ "${1:-}" = --here ]; then tree=$PWD; else git clone -q . "$out/clone" && tree=$out/clone; fi
cd "$tree" || exit 1
blocks() { awk -v dir="$2" '/^```sh/{n++; file = dir "/" n; next} /^```/{file = ""} file {print > file}' "$1"; }
mkdir "$out/en" "$out/zh"
blocks docs/getting-started.md "$out/en"
blocks docs/getting-started.zh-CN.md "$out/zh"
failures=0
ok() { echo "ok    $1"; }
bad() { echo "FAIL  $1"; failures=$((failures + 1)); }
if diff -r "$out/en" "$out/zh" >"$out/diff"; then ok "both pages have the same $(ls "$out/en" | wc -l) blocks"; else cat "$out/diff"; bad "the Chinese page has other commands"; fi

# What each block has to say.
expected=("" "processor" "parametersSha256" "parametersSha256" "compared.html" "exit code 75" "test accuracy" "All keys matched")
python=""
for candidate in python3 /usr/bin/python3; do "$candidate" -c 'import torch, numpy' 2>/dev/null && { python=$candidate; break; }; done
script=$out/all.sh
{
  echo "set -e"
  for n in $(ls "$out/en" | sort -n); do echo "exec >\"$out/said-$n\" 2>&1"; echo "echo $n >\"$out/at\""; cat "$out/en/$n"; done
} >"$script"
[ "${1:-}" = --here ] && sed -i "s:\bruns/:$out/runs/:g" "$script"
[ -n "$python" ] && sed -i "s:^python3 :$python :" "$script" || sed -i '/^python3 /d' "$script"
start=$SECONDS
bash "$script"
code=$?
[ $code -eq 0 ] || { bad "block $(cat "$out/at") ended with $code"; tail -n 20 "$out/said-$(cat "$out/at")"; }
for n in $(ls "$out/en" | sort -n); do
  if [ "$n" = 7 ] && [ -z "$python" ]; then echo "not run: block 7, there is no PyTorch here"; continue; fi
  if grep -q "${expected[$n]}" "$out/said-$n" 2>/dev/null; then ok "block $n: $(grep -m 1 "${expected[$n]}" "$out/said-$n")"; else bad "block $n does not say '${expected[$n]}'"; tail -n 5 "$out/said-$n" 2>/dev/null; fi
done
hash() { sed -n 's/.*"event":"completed".*"parametersSha256":"\([0-9a-f]*\)".*/\1/p' "$1/metrics.jsonl" | tail -n 1; }
runs=runs; [ "${1:-}" = --here ] && runs=$out/runs
for pair in "one four" "stopped calm"; do
  set -- $pair
  if [ -n "$(hash "$runs/$1")" ] && [ "$(hash "$runs/$1")" = "$(hash "$runs/$2")" ]; then ok "$1 and $2 have the same bits"; else bad "$1 and $2 differ"; fi
done
[ -s "$runs/four/report.html" ] && [ -s "$runs/compared.html" ] && ok "reports are there" || bad "a report is missing"
echo "it took $((SECONDS - start)) s"
if [ $failures -eq 0 ]; then echo PASS; else echo "FAIL ($failures)"; exit 1; fi
