#!/bin/sh
# Everything that must hold before a change lands. Generated files are held against their snapshots by the tests.
set -eu
cd "$(dirname "$0")/../.."
. deploy/scripts/lib/need.sh
. deploy/scripts/lib/distributed.sh
need_component rustfmt fmt
need_component clippy clippy
# What the power cuts of tests/tests/crash.rs are made with.
need_package strace strace
# What tests/tests/servers speaks with RabbitMQ by.
need_package amqp-get amqp-tools
# What tests/tests/live.rs looks at the operator's page with.
need_package chromium chromium
need_package chromedriver chromium-driver
# What tests/tests/dashboards.rs asks the queries of dashboards and alerts.
need_package prometheus prometheus
# What librdkafka is compiled with.
need_package make make
need_header openssl/ssl.h libssl-dev
need_header zlib.h zlib1g-dev

step() {
    printf '\n== %s: ' "$1"
    shift
    printf '%s\n' "$*"
    "$@"
}

step "formatting" cargo fmt --all -- --check
step "lints" cargo clippy --workspace --all-targets --locked -- -D warnings
# The adapters that only a node of many has: what follows is built with them.
step "lints, distributed" cargo clippy -p portico-bus -p portico-schema -p portico-node -p portico-tests -p portico-bench --all-targets --locked --features "$distributed" -- -D warnings
step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
# Real ones, for tests/tests/servers: Debian packages, Kafka's jars, and some minutes of compiling; once.
step "servers" deploy/scripts/servers.sh fetch
# What most people run has no adapter for a server, and says so.
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
small="--package portico-node --package portico-tests --locked --test config"
# shellcheck disable=SC2086 # words
step "small binary" cargo build --bins $small
# shellcheck disable=SC2086 # words
step "tests of the small binary" env PORTICO_TEST_BINARY="$target/debug/portico" cargo test $small
# The binary that the other black-box tests start, with the features that the next step unifies.
step "binary" cargo build --workspace --bins --tests --locked --features "$distributed"
step "tests" cargo test --workspace --locked --features "$distributed"
# The same black-box tests, with rows in PostgreSQL, sessions in Redis, content in S3 and events over RabbitMQ.
step "tests over servers" env PORTICO_TEST_STORES=postgres,redis,s3,rabbitmq \
    cargo test --workspace --locked --features "$distributed" \
    --test journey --test bad_input --test canary --test durability --test escalation --test shutdown
# And over nodes apart, and over two in one process and the rest apart, which must be told from one node by nothing.
for nodes in apart mixed; do
    step "tests over nodes $nodes" env PORTICO_TEST_NODES=$nodes \
        cargo test --workspace --locked --features "$distributed" \
        --test journey --test bad_input --test canary --test durability --test escalation
    step "tests over nodes $nodes and servers" env PORTICO_TEST_NODES=$nodes PORTICO_TEST_STORES=postgres,redis,s3,rabbitmq,kafka \
        cargo test --workspace --locked --features "$distributed" --test journey --test bad_input --test durability --test dashboards --test traces
done
