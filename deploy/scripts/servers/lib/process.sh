# shellcheck shell=sh
# shellcheck disable=SC1090,SC2030,SC2031,SC2034,SC2154 # facts are sourced, and the parts share variables
# Sourced: processes of a server. Expects $dir.
#
# A server's processes are those whose working directory lies in its home and that have no terminal. Sessions and
# parents would not tell: PostgreSQL puts each of its backends into a session of its own, and orphans have no parent.

# user_of NAME: whom a server runs as.
user_of() {
    if [ "$(id -u)" = 0 ]; then "$1_user"; else id -un; fi
}

# drop_to USER: the beginning of a command that then runs as that user and can become nobody else.
drop_to() {
    [ "$(id -u)" != 0 ] || id -u "$1" >/dev/null 2>&1 || return 1
    [ "$(id -u)" != 0 ] || echo "setpriv --reuid=$(id -u "$1") --regid=$(id -g "$1") --init-groups --no-new-privs --"
}

# alive PID: whether it is there and more than a zombie.
alive() {
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    case ${stat##*) } in [ZX]*) return 1 ;; esac
}

# members NAME: process id and state of each, one a line. The server's user looks: for root it may take CAP_SYS_PTRACE.
members() {
    drop=$(drop_to "$(user_of "$1")") || return 0
    # shellcheck disable=SC2086 # words
    $drop find /proc/[0-9]*/cwd -maxdepth 0 -lname "$dir/$1/home*" 2>/dev/null |
        while IFS=/ read -r _ _ pid _; do
            { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || continue
            # shellcheck disable=SC2086 # words: state, parent, group, session, terminal
            set -- ${stat##*) }
            [ "$5" != 0 ] || echo "$pid $1"
        done
}

# signal_until SIGNAL NAME PATTERN: signals all whose "pid state" does not match, until there is none; children may have
# been born meanwhile.
signal_until() {
    tries=0
    while pids=$(members "$2" | sed "/$3/d; s/ .*//") && [ -n "$pids" ]; do
        # shellcheck disable=SC2086 # words
        kill -"$1" $pids 2>/dev/null || :
        tries=$((tries + 1))
        [ $tries -lt 300 ] || {
            say "$2 does not take SIG$1: $(echo "$pids" | tr '\n' ' ')"
            exit 1
        }
        sleep 0.03
    done
}

# end NAME: returns when the last has gone.
end() {
    signal_until KILL "$1" 'never'
    ! command -v "$1_ended" >/dev/null || "$1_ended"
}

# stop NAME: asks the process that started the others, as an operator would, and ends what it leaves behind.
stop() {
    pids=$(members "$1" | cut -d ' ' -f 1)
    [ -n "$pids" ] || misused "$1 is not up"
    first=
    for pid in $pids; do
        parent=$(cut -d ' ' -f 4 "/proc/$pid/stat" 2>/dev/null) || continue
        echo "$pids" | grep -qx "$parent" || first="$first $pid"
    done
    # shellcheck disable=SC2086 # words
    kill -"$("$1_stops_at" 2>/dev/null || echo TERM)" $first 2>/dev/null || :
    tries=0
    for pid in $first; do
        while alive "$pid" && [ $tries -lt 300 ]; do
            tries=$((tries + 1))
            sleep 0.1
        done
    done
    end "$1"
}

pause() {
    [ -n "$(members "$1")" ] || misused "$1 is not up"
    signal_until STOP "$1" ' [Tt]$'
}

resume() { signal_until CONT "$1" ' [^Tt]$'; }

# listening PORT: whether some process listens there; Java does so on IPv6, even to 127.0.0.1.
listening() { grep -qs "$(printf ':%04X 0*:0000 0A' "$1")" /proc/net/tcp /proc/net/tcp6; }

# state NAME: down, paused, starting or up.
state() (
    found=$(members "$1")
    name=$1 log=$dir/$1/log
    . "$dir/$1/facts"
    case $found in
        '') echo down ;;
        *' T'*) echo paused ;;
        *) if "$1_ready"; then echo up; else echo starting; fi ;;
    esac
)

# spawn COMMAND...: starts it in a session of its own, in its home, with an environment of its own. Expects $home, $user
# and $log.
spawn() {
    drop=$(drop_to "$user")
    (
        cd "$home" || exit
        exec 9<&-
        # shellcheck disable=SC2086 # words
        exec setsid $drop env -i PATH="$PATH" HOME="$home" LANG=C.UTF-8 "$@"
    ) </dev/null >>"$log" 2>&1 &
    leader=$!
}

# within COMMAND...: runs it likewise, and waits for it.
within() {
    drop=$(drop_to "$user")
    # shellcheck disable=SC2086 # words
    (cd "$home" && exec $drop env -i PATH="$PATH" HOME="$home" LANG=C.UTF-8 "$@" 9<&-)
}

# run_in COMMAND...: a tool of the one server that is named, in its environment.
run_in() {
    name=${names# }
    if [ -z "$name" ] || [ $# = 0 ]; then misused "run wants a server and a command"; fi
    [ -e "$dir/$name/prepared" ] || misused "$name is not in the set $dir"
    user=$(user_of "$name") home=$dir/$name/home
    PATH=$("${name}_path"):$PATH
    # shellcheck disable=SC2016 # the inner shell expands it
    within sh -c 'set -a; if [ -e environment ]; then . ./environment; fi; set +a; exec "$@"' sh "$@"
}
