# Builds what the drivers of ./just drive (crash, faults, histories, nodes), and runs them. To be sourced, from the repository's root.
# shellcheck shell=sh disable=SC2154 # distributed.sh has $distributed
# Where cargo builds: PORTICO_TEST_BINARY must name the binary from any directory.
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

# build_driver FEATURES: the release node, unless PORTICO_TEST_BINARY names one, and the drivers; with $distributed, or none.
build_driver() {
    [ -n "${PORTICO_TEST_BINARY:-}" ] ||
        cargo build --release --locked --package portico-node ${1:+--features portico-node/distributed}
    # --workspace unifies features alike here and in the commands beside this one, so that nothing is compiled twice.
    cargo build --workspace --bins --tests --locked ${1:+--features "$1"}
}

# drive NAME ARGUMENTS...: becomes the driver.
drive() {
    PORTICO_TEST_BINARY=${PORTICO_TEST_BINARY:-$target/release/portico}
    export PORTICO_TEST_BINARY
    driver=$target/debug/$1
    shift
    exec "$driver" "$@"
}
