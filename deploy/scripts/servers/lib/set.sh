# shellcheck shell=sh
# shellcheck disable=SC1090,SC2030,SC2031,SC2034,SC2154 # facts are sourced, and the parts share variables
# Sourced: a set of servers is a directory.
#
#   portico-servers   marks it as one, so that nothing else is ever deleted
#   env               addresses and passwords of all, as shell variables
#   tls/              a CA, and the servers' certificate
#   NAME/facts        a server's ports and password, as shell variables; chosen once
#   NAME/home/        all that a server writes; it belongs to its user
#   NAME/log          what it printed since its last start
#   NAME/prepared     its home is complete
#
# Who changes a set holds a lock on its directory (descriptor 9), which goes with the process.

mark=portico-servers
root=${TMPDIR:-/tmp}
root=$(cd "$root" && pwd -P)/portico-servers-$(id -u)

find_set() {
    case $set in '' | *[!A-Za-z0-9_-]*) misused "--set takes letters, digits, - and _" ;; esac
    case $dir in
        '') dir=$root/$set ;;
        [!/]*) misused "--dir wants an absolute path" ;;
        *)
            parent=$(cd "$(dirname "$dir")" 2>/dev/null && pwd -P) || misused "no such directory: $(dirname "$dir")"
            dir=${parent%/}/$(basename "$dir")
            ;;
    esac
    # It stands in the configuration of servers, none of which agree on quotes.
    case $dir in *[!A-Za-z0-9/._-]*) misused "the path of a set has only letters, digits, /, ., - and _: $dir" ;; esac
}

need_set() { [ -e "$dir/$mark" ] || misused "no set in $dir"; }

# Waits for whoever else changes the set.
lock() {
    exec 9<"$dir"
    flock -w 900 9 || missing "somebody has held the set $dir for 15 minutes"
}

# need_ours DIRECTORY: where everybody may write, somebody else may have made it first.
need_ours() { [ -n "$(find "$1" -maxdepth 0 -type d -user "$(id -u)")" ] || missing "$1 belongs to somebody else"; }

make_set() {
    case $dir in "$root"/*) mkdir -p "$root" && need_ours "$root" ;; esac
    while :; do
        mkdir -p "$dir"
        need_ours "$dir"
        lock
        # Somebody may have deleted it while this waited.
        [ "$(stat -Lc %d:%i "$dir" 2>/dev/null)" != "$(stat -Lc %d:%i /proc/$$/fd/9)" ] || break
    done
    [ -e "$dir/$mark" ] || [ -z "$(ls -A "$dir")" ] || misused "$dir holds something else than a set of servers"
    chmod 755 "$dir"
    : >"$dir/$mark"
}

secret() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# A port that nobody uses. It lies below those that the system hands out by itself: a server that was killed finds its
# own port free again, whatever connections were made meanwhile.
free_port() {
    # Not `read`: it asks byte by byte, which this file does not answer.
    first=$(cut -f 1 /proc/sys/net/ipv4/ip_local_port_range)
    tries=0
    while [ $tries -lt 1000 ]; do
        tries=$((tries + 1))
        port=$((10000 + $(od -An -N4 -tu4 /dev/urandom) % (first - 10000)))
        grep -qs "$(printf ':%04X ' $port)" /proc/net/tcp /proc/net/tcp6 && continue
        grep -qs "port=$port\$" "$dir"/*/facts "$root"/*/*/facts && continue
        echo $port
        return
    done
    missing "no free port between 10000 and $first"
}

# choose_facts NAME: its ports, and a password for all that wants one.
choose_facts() {
    [ ! -e "$dir/$1/facts" ] || return 0
    mkdir -p "$dir/$1"
    for port_name in $("$1_ports"); do
        chosen=$(free_port)
        (umask 077 && echo "$port_name=$chosen" >>"$dir/$1/facts.new")
    done
    echo "password=$(secret)" >>"$dir/$1/facts.new"
    mv "$dir/$1/facts.new" "$dir/$1/facts"
}

write_env() {
    (
        umask 077
        echo "PORTICO_TEST_SERVERS=$dir"
        echo "PORTICO_TEST_CA=$dir/tls/ca.pem"
        for name in $all; do
            [ ! -e "$dir/$name/prepared" ] || (. "$dir/$name/facts" && "${name}_env")
        done
    ) >"$dir/env.new"
    chmod 600 "$dir/env.new"
    mv "$dir/env.new" "$dir/env"
}

# Leaves a watcher behind that ends the set with the process that it is for.
watch_over() {
    [ -n "$for" ] && [ ! -e "$dir/watched" ] || return 0
    echo "$for" >"$dir/watched"
    setsid deploy/scripts/servers.sh watch --dir "$dir" --for "$for" </dev/null >/dev/null 2>&1 9<&- &
}
