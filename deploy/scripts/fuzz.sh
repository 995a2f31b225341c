#!/bin/sh
# Searches for input that breaks a parser: each `bolero::check!()` of the tests for a while, guided by coverage (libFuzzer).
# `./just fuzz [SECONDS [WORD]]`: how long for each, 60 by default, and part of the names of those that are wanted.
# What breaks one is kept beside its test in `__fuzz__`, and breaks `./just test` from then on until it is mended.
set -eu
cd "$(dirname "$0")/../.."
. deploy/scripts/lib/need.sh
seconds=${1:-60}
wanted=${2:-}
tools=$PWD/${CARGO_TARGET_DIR:-target}/tools
PATH=$tools/bin:$PATH

command -v "${CXX:-c++}" >/dev/null || missing "a C++ compiler is missing, which libFuzzer needs: apt-get install g++"
cargo bolero --version >/dev/null 2>&1 ||
    cargo install --locked --quiet --root "$tools" --version 0.13.5 --no-default-features cargo-bolero

# fuzz PACKAGE TEST CORPUS: the corpus that grows is no source, and begins as a copy of the one that is.
fuzz() {
    grown=$tools/corpus/$2
    mkdir -p "$grown"
    cp "$3"/* "$grown"
    printf '\n== %s: %s, for %s s\n' "$1" "$2" "$seconds"
    cargo bolero test --package "$1" --engine libfuzzer --sanitizer NONE --time "${seconds}s" \
        --corpus-dir "$grown" --target-dir "$tools/fuzz" "$2"
}

# package DIRECTORY: the name of the package that it belongs to.
package() {
    directory=$1
    while [ ! -e "$directory/Cargo.toml" ]; do directory=$(dirname "$directory"); done
    sed -n 's/^name = "\(.*\)"/\1/p' "$directory/Cargo.toml" | head -n 1
}

broken=
for corpus in $(find . -name corpus -path '*/__fuzz__/*' -not -path './target/*' | sort); do
    home=$(dirname "$corpus")
    test=$(basename "$home" | sed 's/__/::/g')
    case $test in *"$wanted"*) ;; *) continue ;; esac
    fuzz "$(package "$home")" "$test" "$corpus" || broken="$broken $test"
done
[ -z "$broken" ] || missing "broken:$broken; the input lies beside each test, in __fuzz__, under crashes"
