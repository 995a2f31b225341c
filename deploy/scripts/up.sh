#!/bin/sh
# Builds Portico for release and serves it, with its data in ./data. Arguments go to `portico up`.
#
# It becomes the node in the end (exec), so that signals and the exit code are the node's own. `up cluster` is another thing:
# many nodes, over real servers.
set -eu
if [ "${1:-}" = cluster ]; then
    shift
    exec "$(dirname "$0")/cluster.sh" up "$@"
fi
cd "$(dirname "$0")/../.."
. deploy/scripts/lib/need.sh

if ! [ -x "${CARGO_TARGET_DIR:-target}/release/portico" ]; then
    echo "portico: the first build compiles every dependency: some minutes on two cores; later ones take seconds" >&2
fi
exec cargo run --release --locked --package portico-node -- up "$@"
