#!/usr/bin/env bash
# The self-contained Arm64 build over ten steps: the hash of this machine. ARM64_RUN is a command that runs an Arm64 program here (an emulator);
# on an Arm64 machine leave it empty.
source "$(dirname "$0")/common.sh"
dotnet publish src/Cli -c Release -r linux-arm64 --self-contained -o "$out/arm64" --nologo -v q >/dev/null
short=(--model two-layer "${common[@]}" --steps 10 --workers 0)
actual=$(${ARM64_RUN:-} "$out/arm64/disttrain" train "${short[@]}" --out "$out/emulated" 2>"$out/stderr" | hash_of)
expect "Arm64, 10 steps" "$(train "${short[@]}")" "$actual"
finish
