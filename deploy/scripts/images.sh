#!/usr/bin/env bash
# Makes the images of all services, without a registry where none is: `./just images`; with `--check`, runs them too.
#
# What it starts ends with it: without a Docker daemon it starts one of its own, whose data go with it.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
dir=$target/images
suite=${PORTICO_IMAGES_SUITE:-bookworm}
base=debian:$suite-slim
services=(gateway user session photo log)
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
work=$(mktemp -d "${TMPDIR:-/tmp}/portico-images.XXXXXX")
daemon=

usage() {
    cat <<'USAGE'
Makes an image for each service (gateway, user, session, photo, log) of the release binary.

  ./just images           builds the binary and the images, and prints their sizes
  ./just images --check   also lints the Dockerfiles (hadolint) and runs the images: guarded as in production, one node of
                          each role, until a registration came through them; and has each end in order

The images are in your Docker daemon. Where none answers, root has one started, which ends with this command: the images
are then in target/images/portico.tar (`docker load`). Its base image is made by debootstrap, from Debian's own mirror.

PORTICO_IMAGES_BINARY   a binary to pack instead of building one; it wants --features distributed
PORTICO_IMAGES_SUITE    the release of Debian whose C library it is compiled against (bookworm)
USAGE
}

say() { printf 'images: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 69
}
# shellcheck source=deploy/scripts/lib/need.sh
. deploy/scripts/lib/need.sh
# shellcheck source=deploy/scripts/servers/lib/install.sh
. deploy/scripts/servers/lib/install.sh

finish() {
    trap '' INT TERM
    if [[ -n $daemon ]]; then
        kill -TERM "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
    fi
    local mount
    while read -r _ mount _; do
        case $mount in "$work"/*) umount --lazy "$mount" || true ;; esac
    done </proc/mounts
    rm -rf "$work"
}

binary() {
    portico=${PORTICO_IMAGES_BINARY:-}
    [[ -z $portico ]] || return 0
    cargo build --release --locked --package portico-node --features portico-node/distributed
    portico=$target/release/portico
}

# A daemon that answers, or one of our own, without networks and firewall rules: it needs none.
docker_daemon() {
    if docker info >/dev/null 2>&1; then return; fi
    [[ $(id -u) == 0 ]] || fail "no Docker daemon answers, and only root can start one"
    command -v dockerd >/dev/null || install_packages " docker.io"
    export DOCKER_HOST=unix://$work/docker.sock
    say "no Docker daemon answers; starting one for the time being"
    setpriv --pdeathsig TERM setsid dockerd --data-root "$work/data" --exec-root "$work/run" --pidfile "$work/pid" \
        --host "$DOCKER_HOST" --bridge none --iptables=false --ip-masq=false --userland-proxy=false \
        >"$work/log" 2>&1 &
    daemon=$!
    local _
    for _ in $(seq 100); do
        if docker info >/dev/null 2>&1; then return; fi
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.2
    done
    tail -n 20 "$work/log" >&2
    fail "dockerd does not start"
}

# The base image under the name that registries have it by, for a daemon that asks none. It is kept for the next time.
base_image() {
    [[ -n $daemon ]] || return 0
    local tar=$dir/$suite.tar
    if [[ ! -e $tar ]]; then
        command -v debootstrap >/dev/null || install_packages " debootstrap"
        say "making $base by debootstrap"
        debootstrap --variant=minbase "$suite" "$work/base" >"$work/debootstrap" 2>&1 || {
            tail -n 5 "$work/debootstrap" >&2
            fail "debootstrap failed"
        }
        rm -rf "$work"/base/usr/share/{doc,info,locale,man}/* "$work"/base/var/{cache/apt,lib/apt/lists}/*
        tar -C "$work/base" -cf "$tar.new" .
        mv "$tar.new" "$tar"
        rm -rf "$work/base"
    fi
    docker import "$tar" "$base" >/dev/null
}

# build NAME ARGUMENTS...: NAME.Dockerfile in the context.
build() {
    local name=$1
    shift
    say "building portico-$name"
    docker build --quiet --tag "portico-$name:$version" --file "$work/context/$name.Dockerfile" "$@" "$work/context" \
        >"$work/build" 2>&1 || {
        cat "$work/build" >&2
        fail "portico-$name cannot be built"
    }
}

images() {
    local name
    mkdir -p "$work/context"
    cp deploy/images/* LICENSE "$work/context"
    chmod 755 "$work/context/ready" "$work/context/stage"
    install -m 755 "$portico" "$work/context/portico"
    # Its network is the machine's, for Debian's packages.
    build builder --network host --build-arg "BASE=$base"
    for name in "${services[@]}"; do
        build "$name" --network none --build-arg "BUILDER=portico-builder:$version" --build-arg "VERSION=$version" \
            --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)"
    done
    docker image ls --format '{{.Repository}}:{{.Tag}}  {{.Size}}' --filter 'reference=portico-*' | grep -F ":$version "
}

# What is left of a daemon of our own.
keep() {
    [[ -n $daemon ]] || return 0
    local names=("${services[@]/#/portico-}")
    docker save --output "$dir/portico.tar" "portico-builder:$version" "${names[@]/%/:$version}"
    say "they are in $dir/portico.tar: docker load --input $dir/portico.tar"
}

is_check=
case ${1:-} in
'') ;;
--check) is_check=yes ;;
-h | --help)
    usage
    rmdir "$work"
    exit
    ;;
*)
    usage >&2
    rmdir "$work"
    exit 64
    ;;
esac
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$dir"
binary
docker_daemon
base_image
images
if [[ -n $is_check ]]; then
    # shellcheck source=deploy/scripts/lib/images-check.sh
    . deploy/scripts/lib/images-check.sh
    check
else
    keep
fi
