# Every habit by name. `./just` runs these too, and needs no `just` for up, test and restarts.

set shell := ["sh", "-euc"]

# What there is to do
[private]
default:
    @just --justfile '{{ justfile() }}' --list --unsorted

# Build Portico and serve it until Ctrl-C; further arguments go to `portico up`. `up cluster`: two nodes of each role
[positional-arguments]
up *arguments:
    @deploy/scripts/up.sh "$@"

# End what `up cluster` started
down:
    @deploy/scripts/down.sh

# Everything that must hold before a change lands: formatting, lints, all tests, docs
test:
    @deploy/scripts/test.sh

# The supervisor's restart tests alone: what was crashed and what came back
restarts:
    @deploy/scripts/restarts.sh

# Start, kill, pause and end throw-away PostgreSQL, Redis, RabbitMQ, Kafka and S3 servers (`./just servers --help`)
[positional-arguments]
servers *arguments:
    @deploy/scripts/servers.sh "$@"

# Make an image for each service, without a registry if need be; `images --check` runs them too (`./just images --help`)
[positional-arguments]
images *arguments:
    @deploy/scripts/images.sh "$@"

# Hold the contracts between nodes to buf's rules, and against those of the last tag
contracts:
    @deploy/scripts/contracts.sh

# Make the passwords, addresses and certificate that deploy/compose.yml wants, in deploy/secrets
secrets:
    @deploy/scripts/secrets.sh

# Run the tests that use Redis over Valkey
valkey:
    @deploy/scripts/valkey.sh

# Measure the release build against references of the same run; `just bench --help` lists the arguments
[positional-arguments]
bench *arguments:
    @deploy/scripts/bench.sh "$@"

# Kill the node, cut its power and crash its actors under load, and check that nothing acknowledged is lost (`./just crash --help`)
[positional-arguments]
crash *arguments:
    @deploy/scripts/crash.sh "$@"

# Cut the node off from each server that it depends on, under load, and hold it to its promises (`./just faults --help`)
[positional-arguments]
faults *arguments:
    @deploy/scripts/faults.sh "$@"

# Restart and kill nodes of many under load, slow and cut the ways between them, and hold them to their promises (`./just nodes --help`)
[positional-arguments]
nodes *arguments:
    @deploy/scripts/nodes.sh "$@"

# Race clients against each other and hold every answer against models (`./just histories --help`)
[positional-arguments]
histories *arguments:
    @deploy/scripts/histories.sh "$@"

# Attack a node in every way that docs/security.md says is defended against (`./just abuse --help`)
[positional-arguments]
abuse *arguments:
    @deploy/scripts/abuse.sh "$@"

# Search for input that breaks a parser, `just fuzz [SECONDS [WORD]]`: for each of them, or those named like WORD
[positional-arguments]
fuzz *arguments:
    @deploy/scripts/fuzz.sh "$@"

# Format all code
fmt:
    cargo fmt --all

# Lint all code, warnings denied
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Build the documentation of our own crates; its index is target/doc/portico_kernel/index.html
doc:
    cargo doc --workspace --no-deps --locked --document-private-items

# Write the OpenAPI snapshot anew after the REST surface changed; look at the difference before you commit it
openapi:
    UPDATE_OPENAPI=1 cargo test --package portico-gateway --locked openapi
    git diff --stat -- gateway

# Check licences, advisories and sources of all dependencies (wants `cargo install cargo-deny`)
deny:
    cargo deny --all-features check

# Delete ./data with all accounts, sessions, photos and logs in it
[confirm("Delete ./data with every account, photo and log in it?")]
clean-data:
    rm -rf data
