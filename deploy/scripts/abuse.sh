#!/bin/sh
# Attacks the release binary in every way that docs/security.md says is defended against, and prints what came of it.
# Arguments: names of attacks, --short; `--help` lists them.
set -eu
cd "$(dirname "$0")/../.."
. deploy/scripts/lib/need.sh

target="${CARGO_TARGET_DIR:-target}"
cargo build --release --locked --package portico-node
# --workspace unifies features alike here and in the commands beside this one, so that nothing is compiled twice.
cargo build --workspace --bins --tests --locked
PORTICO_TEST_BINARY="$(cd "$target" && pwd)/release/portico"
export PORTICO_TEST_BINARY
exec "$target/debug/abuse" "$@"
