#!/bin/sh
# The supervisor's restart tests alone, one after the other, with what they print: what was crashed and what came back.
set -eu
cd "$(dirname "$0")/../.."
. deploy/scripts/lib/need.sh

# --workspace unifies features alike here and in the commands beside this one, so that nothing is compiled twice; --test chooses the one file.
exec cargo test --workspace --test restarts --locked -- --nocapture --test-threads=1
