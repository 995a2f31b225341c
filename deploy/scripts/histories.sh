#!/bin/sh
# Has many clients race each other on the release node, and checks that some order explains what they were answered.
# Arguments go to the driver: `./just histories --help` lists them.
set -eu
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}

cargo build --release --locked --package portico-node
# --workspace unifies features alike here and in the commands beside this one, so that nothing is compiled twice.
cargo build --workspace --bins --tests --locked

PORTICO_TEST_BINARY=${PORTICO_TEST_BINARY:-$PWD/$target/release/portico}
export PORTICO_TEST_BINARY
exec "$target/debug/histories" "$@"
