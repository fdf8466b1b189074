#!/usr/bin/env bash
# Makes what compose.yaml needs so that only its own workers can join: an authority, in the volume disttrain-identity, and a token for the workers, in deploy/.env.
#   deploy/enroll.sh [VALID]        how long the token gets workers in, for example 12h or 30d (the default)
# Run again, it makes another token and keeps the authority and the other lines of deploy/.env.
#   DISTTRAIN_IMAGE (disttrain)   DISTTRAIN_IDENTITY_VOLUME (disttrain-identity)   DISTTRAIN_ENV_FILE (deploy/.env)
set -euo pipefail
directory=$(cd "$(dirname "$0")" && pwd)
image=${DISTTRAIN_IMAGE:-disttrain} volume=${DISTTRAIN_IDENTITY_VOLUME:-disttrain-identity} file=${DISTTRAIN_ENV_FILE:-$directory/.env}
fail() { echo "$*" >&2; exit 2; }
docker image inspect "$image" >/dev/null 2>&1 || fail "There is no image $image here, or no Docker: build it first (deploy/README.md), or name another one with DISTTRAIN_IMAGE."

docker volume create "$volume" >/dev/null
made=$(docker run --rm --network none --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges:true -v "$volume:/identity" \
  "$image" token create --json --identity /identity --valid "${1:-30d}" --coordinator coordinator:29500) || exit 2
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" <<<"$made"; }
token=$(field token) hash=$(field caHash)
[ -n "$token" ] && [ -n "$hash" ] || fail "$image printed no token."

umask 077
new=$(mktemp "$file.XXXXXX")
trap 'rm -f "$new"' EXIT
if [ -f "$file" ]; then grep -v '^DISTTRAIN_\(TOKEN\|CA_HASH\)=' "$file" >"$new" || true; fi
printf 'DISTTRAIN_TOKEN=%s\nDISTTRAIN_CA_HASH=%s\n' "$token" "$hash" >>"$new"
mv "$new" "$file"
echo "Token $(field id), good until $(field expiresUtc), is in $file, which is a secret; the authority $hash is in the volume $volume."
