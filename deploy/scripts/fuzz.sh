#!/bin/sh
# Searches for input that breaks a parser: each `bolero::check!()` of the tests for a while, guided by coverage (libFuzzer).
# `./just fuzz [SECONDS [WORD]]`: how long for each, 60 by default, and part of the names of those that are wanted.
# What breaks one is kept beside its test in `__fuzz__`, and breaks `./just test` from then on until it is mended.
set -eu
cd "$(dirname "$0")/../.."
. deploy/scripts/lib/need.sh
seconds=${1:-60}
wanted=${2:-}
built=$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz
host=$(rustc --version --verbose | sed -n 's/^host: //p')
command -v "${CXX:-c++}" >/dev/null || missing "a C++ compiler is missing, which libFuzzer needs: apt-get install g++"

# What libFuzzer must see of the code (https://llvm.org/docs/LibFuzzer.html); build scripts and macros are left alone.
coverage="--cfg fuzzing --cfg fuzzing_libfuzzer -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
for kind in inline-8bit-counters pc-table trace-compares; do
    coverage="$coverage -Cllvm-args=-sanitizer-coverage-$kind"
done

# binary PACKAGE CORPUS: how cargo calls the tests that a corpus belongs to.
binary() {
    case $2 in
        "$1"/tests/__fuzz__/*) echo --test fuzz ;;
        "$1"/tests/*) echo --test "$(echo "${2#"$1"/tests/}" | cut -d / -f 1)" ;;
        *) if [ -e "$1/src/lib.rs" ]; then echo --lib; else echo --bins; fi ;;
    esac
}

# fuzz CORPUS TEST: the corpus that grows is no source, and begins as a copy of the one that is.
fuzz() {
    package=$1 crashes=$PWD/$(dirname "$1")/crashes grown=$built/corpus/$2
    while [ ! -e "$package/Cargo.toml" ]; do package=$(dirname "$package"); done
    printf '\n== %s: %s, for %s s\n' "$package" "$2" "$seconds"
    mkdir -p "$grown" "$crashes"
    cp "$1"/* "$grown"
    searched=0
    # shellcheck disable=SC2046 # two words
    RUSTFLAGS=$coverage BOLERO_LIBFUZZER_ARGS="$grown $crashes -artifact_prefix=$crashes/ -max_total_time=$seconds -timeout=10" \
        cargo test --locked --profile fuzz --target "$host" --target-dir "$built" --manifest-path "$package/Cargo.toml" \
        $(binary "$package" "$1") -- --exact "$2" || searched=$?
    rmdir "$crashes" 2>/dev/null || true # unless there is something in it
    return "$searched"
}

failed=
for corpus in $(find actors bus config gateway node schema -name corpus -path '*/__fuzz__/*' | sort); do
    test=$(basename "$(dirname "$corpus")" | sed 's/__/::/g')
    case $test in *"$wanted"*) fuzz "$corpus" "$test" || failed="$failed $test" ;; esac
done
[ -z "$failed" ] || missing "failed:$failed; input that broke one lies beside it, in __fuzz__, under crashes"
