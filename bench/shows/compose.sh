#!/usr/bin/env bash
# Compose, scaled while it trains: the hash of the single process. See deploy/test/compose.sh.
exec "$(dirname "$0")/../../deploy/test/compose.sh"
