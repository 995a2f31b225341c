#!/bin/sh
# All tests that use Redis, over Valkey. They are no part of `./just test`: Debian 12 has Valkey among its backports alone.
set -eu
cd "$(dirname "$0")/../.."
. deploy/scripts/lib/need.sh
. deploy/scripts/lib/distributed.sh

export PORTICO_TEST_REDIS_SERVER=valkey-server
deploy/scripts/servers.sh fetch redis
cargo build --workspace --bins --tests --locked --features "$distributed"
cargo test --workspace --locked --features "$distributed" --test contract redis
cargo test --workspace --locked --features "$distributed" --test redis
exec env PORTICO_TEST_STORES=redis cargo test --workspace --locked --features "$distributed" \
    --test journey --test bad_input --test canary --test durability --test escalation --test shutdown
