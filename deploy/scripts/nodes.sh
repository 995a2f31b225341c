#!/bin/sh
# Restarts and kills nodes of many, of the release build, slows and cuts the ways between them, under load, and holds them to what
# is promised. Arguments go to the driver: `./just nodes --help` lists them. The whole run takes half an hour, and what came of it
# goes to docs/reliability.md with `--write docs/reliability.md`.
set -eu
cd "$(dirname "$0")/../.."
. deploy/scripts/lib/need.sh
. deploy/scripts/lib/distributed.sh
target=${CARGO_TARGET_DIR:-target}

deploy/scripts/servers.sh fetch
[ -n "${PORTICO_TEST_BINARY:-}" ] ||
    cargo build --release --locked --package portico-node --features portico-node/distributed
cargo build --workspace --bins --tests --locked --features "$distributed"

PORTICO_TEST_BINARY=${PORTICO_TEST_BINARY:-$PWD/$target/release/portico}
export PORTICO_TEST_BINARY
exec "$target/debug/nodes" "$@"
