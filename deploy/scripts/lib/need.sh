# shellcheck shell=sh
# Sourced: says clearly what is missing before cargo says it at length. Exits with 69 (EX_UNAVAILABLE of sysexits.h).

missing() {
    printf 'portico: %s\n' "$*" >&2
    exit 69
}

command -v cargo >/dev/null || missing "cargo is not on PATH: install Rust from https://rustup.rs"
command -v "${CC:-cc}" >/dev/null || missing "${CC:-cc} is not on PATH: install a C compiler (Debian: apt-get install gcc libc6-dev)"

# need_component NAME COMMAND: a part of the toolchain that rustup can add.
need_component() {
    cargo "$2" --version >/dev/null 2>&1 && return
    command -v rustup >/dev/null && rustup component add "$1" && return
    missing "cargo $2 is missing: install the component $1 (rustup component add $1)"
}

# need_package PROGRAM PACKAGE: a program that a Debian package holds; root has it installed.
need_package() {
    command -v "$1" >/dev/null || install_package "$1 is not on PATH" "$2"
}

# need_header HEADER PACKAGE: what C is compiled against; the same.
need_header() {
    echo "#include <$1>" | "${CC:-cc}" -E - >/dev/null 2>&1 || install_package "no $1 for ${CC:-cc}" "$2"
}

# install_package LACK PACKAGE
install_package() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "$2" >/dev/null && return
    fi
    missing "$1: install $2 (Debian: apt-get install $2)"
}
