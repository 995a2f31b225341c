#!/bin/sh
# Has many clients race each other on the release node, and checks that some order explains what they were answered.
# Arguments go to the driver: `./just histories --help` lists them. With --nodes, many nodes serve them over real servers.
set -eu
cd "$(dirname "$0")/../.."
. deploy/scripts/lib/distributed.sh
target=${CARGO_TARGET_DIR:-target}
features=
case " $* " in
    *" --nodes"*)
        features=$distributed
        deploy/scripts/servers.sh fetch postgres redis
        ;;
esac

[ -n "${PORTICO_TEST_BINARY:-}" ] ||
    cargo build --release --locked --package portico-node ${features:+--features portico-node/distributed}
# --workspace unifies features alike here and in the commands beside this one, so that nothing is compiled twice.
cargo build --workspace --bins --tests --locked ${features:+--features "$features"}

PORTICO_TEST_BINARY=${PORTICO_TEST_BINARY:-$PWD/$target/release/portico}
export PORTICO_TEST_BINARY
exec "$target/debug/histories" "$@"
