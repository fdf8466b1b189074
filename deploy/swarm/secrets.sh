#!/usr/bin/env bash
# Makes an authority, an operator's certificate and a worker's token, and gives them to the swarm as the secrets NAME-authority, -operator, -token-record and
# -token; they are nowhere else. Prints the two variables that stack.yaml needs, neither of them secret:
#   eval "$(deploy/swarm/secrets.sh [NAME] [VALID])"        NAME: disttrain; VALID, how long the token gets workers in: 365d
# Secrets cannot be changed. For new ones take another NAME, deploy with DISTTRAIN_SECRETS=NAME, and remove the old ones.
set -euo pipefail
image=${DISTTRAIN_IMAGE:-disttrain} name=${1:-disttrain} valid=${2:-365d}
fail() { echo "$*" >&2; exit 2; }
docker image inspect "$image" >/dev/null 2>&1 || fail "There is no image $image here, or no Docker: build it first (deploy/README.md), or name another one with DISTTRAIN_IMAGE."
docker secret ls >/dev/null 2>&1 || fail "This node manages no swarm: 'docker swarm init' makes one."
[ -z "$(docker secret ls -q --filter "name=$name-token")" ] || fail "The secrets $name-… are there already; secrets cannot be changed. Give another name."

# In a volume without a name, which goes with the container.
container=$(docker create --network none --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges:true -v /identity \
  "$image" token create --json --identity /identity --valid "$valid" --coordinator coordinator:29500)
trap 'docker rm -f -v "$container" >/dev/null' EXIT
made=$(docker start -a "$container") || exit 2
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" <<<"$made"; }
id=$(field id)
keep() { docker secret create "$name-$1" - >/dev/null; }
copy() { docker cp "$container:/identity/$1" - | tar -xO; }
copy authority.pem | keep authority
copy operator.pem | keep operator
copy "token-$id.json" | keep token-record
printf %s "$(field token)" | keep token
printf 'export DISTTRAIN_SECRETS=%q DISTTRAIN_TOKEN_ID=%q DISTTRAIN_CA_HASH=%q\n' "$name" "$id" "$(field caHash)"
