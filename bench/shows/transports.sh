#!/usr/bin/env bash
# One and the same parametersSha256 whatever the bytes travel through, for 1 to 4 workers, and with a worker killed (kill -9) in the second epoch:
#   transports.sh [shared] [grpc] [socket] [namespaces]
#   shared      train --workers N: shared memory on one host
#   grpc        the same with --transport grpc: loopback
#   socket      coordinator and workers by hand over a Unix socket, tensors too; the killed worker is replaced
#   namespaces  coordinator and workers on hosts of their own (as root, on Linux), the killed one replaced by another on its host
set -euo pipefail
parts=${*:-shared grpc socket namespaces}
# shellcheck source=hosts.sh
[[ " $parts " != *" namespaces "* ]] || source "$(dirname "$0")/hosts.sh"
source "$(dirname "$0")/common.sh"
program=$PWD/src/Cli/bin/Release/net10.0/disttrain
T=(--model two-layer "${common[@]}" --epochs 2)
expected=$(train "${T[@]}" --workers 0)
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null || true; rm -rf "$out"' EXIT
start() { # where the messages go, command…
  "${@:2}" 2>"$out/$1" & pids+=($!)
}
begin() { # part, workers: starts them; the first of pids is the one that prints the events
  local i
  pids=()
  run_number=$((run_number + 1))
  case $1 in
    shared) start stderr "$program" train "${T[@]}" --workers "$2" --threads 1 --out "$out/$run_number" >"$out/events" ;;
    grpc) start stderr "$program" train "${T[@]}" --workers "$2" --threads 1 --transport grpc --out "$out/$run_number" >"$out/events" ;;
    socket)
      start stderr "$program" coordinator --listen "unix:$out/socket" --transport grpc "${T[@]}" --workers "$2" --out "$out/$run_number" >"$out/events"
      for i in $(seq "$2"); do worker "$1" "$i"; done ;;
    namespaces)
      start stderr on_host 0 "$program" coordinator --listen "$(address_of 0):29500" --insecure "${T[@]}" --workers "$2" --out "$out/$run_number" >"$out/events"
      for i in $(seq "$2"); do worker "$1" "$i"; done ;;
  esac
}
worker() { # part, number
  local options=(--threads 1 --data "$DISTTRAIN_DATA")
  case $1 in
    socket) start "worker-$2" "$program" worker --coordinator "unix:$out/socket" "${options[@]}" ;;
    namespaces) start "worker-$2" on_host "$2" "$program" worker --coordinator "$(address_of 0):29500" "${options[@]}" ;;
  esac
}
kill_one() { # part
  until grep -q '"event":"epoch","epoch":1,' "$out/events"; do kill -0 "${pids[0]}" 2>/dev/null || return 0; sleep 0.02; done
  through=$(sed -n '/"what":"joined"/s/.*over \(shared memory\|gRPC\)".*/\1/p' "$out/events" | sort -u)
  kill -9 "$(sed -n 's/.*"what":"joined".*"processId":\([0-9]*\).*/\1/p' "$out/events" | head -n 1)"
  # Its own workers train starts again by itself.
  worker "$1" 1
}
[[ " $parts " != *" namespaces "* ]] || make_hosts 4
for part in $parts; do
  for workers in 1 2 3 4; do
    for fate in calm killed; do
      begin "$part" $workers
      [ $fate = calm ] || kill_one "$part"
      { wait "${pids[0]}"; } 2>/dev/null || true
      # Workers leave by themselves when the run has ended.
      { wait "${pids[@]}"; } 2>/dev/null || true
      expect "$part, $workers workers, $fate" "$expected" "$(hash_of <"$out/events")"
      [ $fate = calm ] || expect "$part, $workers workers: tensors through" "$([ "$part" = shared ] && echo "shared memory" || echo gRPC)" "${through:-}"
      [ $fate = calm ] || expect "$part, $workers workers: deaths" 1 "$(grep -c '"what":"lost"' "$out/events")"
    done
  done
done
finish
