#!/bin/sh
# Builds for release and measures: `./just bench --help` tells how. Results go to bench/results/latest.json.
set -eu
cd "$(dirname "$0")/../.."
. deploy/scripts/lib/need.sh

profile=release
measures=yes
features=
node_features=
for argument in "$@"; do
    case "$argument" in
        # A profile needs the names of functions, and frames that can be walked, which the release build leaves out.
        --profile) profile=profiling && export RUSTFLAGS="${RUSTFLAGS:-} -C force-frame-pointers=yes" ;;
        --short | --help | -h | --list) measures=no ;;
        # They start servers, and want what librdkafka is compiled with.
        log_collect | session_check | outbox_publish) features="--features portico-bench/distributed" ;;
        # They start nodes that ask each other, or tell a collector.
        *_remote | *_remote_* | *_two_hops | session_nodes_* | mixed_* | telemetry_*)
            features="--features portico-bench/distributed"
            node_features="--features portico-node/distributed"
            ;;
    esac
done
# What `log_collect` tells of beside its reference, where it can be had.
case " $* " in
    *" log_collect "*)
        command -v rsyslogd >/dev/null && ls /usr/lib/*/rsyslog/imkafka.so >/dev/null 2>&1 ||
            (install_package "no rsyslog" rsyslog && install_package "no imkafka" rsyslog-kafka) || true
        ;;
esac
# What the figure `thumbnail` is measured against; without it that figure has missed its floor, and says so.
if [ "$measures" = yes ] && ! command -v vipsthumbnail >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq --no-install-recommends libvips-tools >/dev/null ||
            echo "portico: libvips-tools cannot be installed: the figure thumbnail will not be measured" >&2
    else
        echo "portico: vipsthumbnail is not installed (Debian: libvips-tools): thumbnail will not be measured" >&2
    fi
fi
# One after the other, so that the node has no features but its own.
# shellcheck disable=SC2086 # words
cargo build --profile "$profile" --locked --package portico-node --bins $node_features
# shellcheck disable=SC2086 # words
cargo build --profile "$profile" --locked --package portico-bench --bins $features
exec "target/$profile/bench" "$@"
