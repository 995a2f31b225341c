# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the parts share variables
# Sourced: what servers need and the machine has not: Debian packages, and caches in target/servers.

cache=$(realpath -m "${CARGO_TARGET_DIR:-target}")/servers

# fetch NAMES: installs and builds all that these servers need. `NAME_fetch` keeps what it makes in $store.
fetch() {
    for program in flock setsid setpriv ipcrm; do
        command -v $program >/dev/null || missing "$program is not on PATH: install util-linux"
    done
    packages=
    command -v openssl >/dev/null || packages=openssl
    for name in $1; do packages="$packages $("${name}_lacks")"; done
    packages=$(echo "$packages" | tr -s ' \n' ' ')
    [ -z "${packages# }" ] || install_packages "$packages"
    for name in $1; do
        command -v "${name}_fetch" >/dev/null || continue
        store=$cache/$name
        mkdir -p "$store"
        # Whoever comes second waits, and finds what the first has made.
        (exec 8<"$store" && flock 8 && "${name}_fetch" 8<&-) || exit
    done
}

# install_packages PACKAGES: Debian would start a server that it installs, and at each boot; these are for us alone.
install_packages() (
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        missing "not installed:$1; as root on Debian: apt-get install --no-install-recommends$1"
    fi
    say "installing Debian packages:$1"
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
    fi
    apt_install "$1" || with_backports "$1" || missing "apt-get could not install$1: see above"
    # shellcheck disable=SC2086 # words
    ! command -v systemctl >/dev/null || systemctl --quiet disable $1 2>/dev/null || :
)

# apt_install PACKAGES [OPTIONS]: from the machine's own list, unless apt's options say otherwise.
apt_install() {
    apt="apt-get -qq -o DPkg::Lock::Timeout=300 ${2:-}"
    # shellcheck disable=SC2086 # words
    $apt update && DEBIAN_FRONTEND=noninteractive $apt install -y --no-install-recommends $1 >/dev/null
}

# with_backports PACKAGES: some are newer than the release (Valkey, than Debian 12). The machine's own list stays as it is.
with_backports() {
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [ "$(. /etc/os-release && echo "$ID")" = debian ] && [ -n "$codename" ] || return 1
    say "looking for them in $codename-backports"
    list=$(mktemp)
    {
        cat /etc/apt/sources.list 2>/dev/null || :
        echo "deb http://deb.debian.org/debian $codename-backports main"
    } >"$list"
    chmod 644 "$list" # apt reads it as a user of its own
    status=0
    apt_install "$1" "-o Dir::Etc::sourcelist=$list" || status=$?
    rm -f "$list"
    return $status
}

# share FILE-OR-DIRECTORY TO: makes what is cached readable for a server's user, who may not be able to enter the cache.
share() {
    rm -rf "$2"
    cp -rl "$1" "$2" 2>/dev/null || {
        rm -rf "$2"
        cp -r "$1" "$2"
    }
}
