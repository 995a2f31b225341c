#!/bin/sh
# shellcheck disable=SC1090,SC1091,SC2034,SC2154 # its parts are checked one by one, and share variables
# Real servers for tests and for people without containers: `./just servers --help` tells how.
#
# servers/NAME.sh says how one server is prepared, started and known to be ready; servers/lib holds what they share.
set -eu
cd "$(dirname "$0")/../.."
umask 022
all="postgres redis rabbitmq kafka s3"
. deploy/scripts/lib/need.sh

say() { printf 'servers: %s\n' "$*" >&2; }

# misused WHAT: exits with 64 (EX_USAGE of sysexits.h).
misused() {
    say "$*; ./just servers --help tells how"
    exit 64
}

for part in help process set tls install start; do
    . "deploy/scripts/servers/lib/$part.sh"
done
for server in $all; do
    . "deploy/scripts/servers/$server.sh"
done

# each FUNCTION: calls it for every server that is asked for.
each() {
    [ -n "$names" ] || misused "which servers? $all"
    for name in $names; do "$1" "$name"; done
}

up() {
    names=${names:-" $all"}
    fetch "$names"
    make_set
    watch_over
    make_tls
    for name in $names; do choose_facts "$name"; done
    say "starting:$names"
    jobs=
    for name in $names; do
        start "$name" &
        jobs="$jobs $name:$!"
    done
    failed=
    for job in $jobs; do
        wait "${job#*:}" || failed="$failed ${job%:*}"
    done
    write_env
    [ -z "$failed" ] || {
        say "not up:$failed"
        exit 1
    }
    say "addresses and passwords are in:"
    echo "$dir/env"
}

# Ends and deletes the set. Somebody may have deleted its directory already: processes are known all the same.
down() {
    if [ -e "$dir/$mark" ]; then lock; fi
    for name in $all; do end "$name"; done
    if [ -e "$dir/$mark" ]; then rm -rf "$dir"; fi
    rmdir "$root" 2>/dev/null || :
}

down_all() {
    for dir in "$root"/*; do
        [ ! -e "$dir/$mark" ] || down
    done
}

# Downs the set once the process that it is for has gone. `up --for` leaves this behind.
watch() {
    while alive "$for" && [ -e "$dir/$mark" ]; do sleep 1; done
    down
}

status() {
    [ -e "$dir/$mark" ] || {
        echo "no set in $dir"
        exit 1
    }
    for name in $all; do
        [ ! -e "$dir/$name/facts" ] || printf '%-9s %s\n' "$name" "$(state "$name")"
    done
    [ ! -e "$dir/env" ] || cat "$dir/env"
}

command=${1:-help}
[ $# = 0 ] || shift
names='' dir='' set=default for='' every=''
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) command=help ;;
        --all) every=yes ;;
        --set | --dir | --for)
            [ -n "${2:-}" ] || misused "$1 wants a value"
            case $1 in --set) set=$2 ;; --dir) dir=$2 ;; *) for=$2 ;; esac
            shift
            ;;
        -*) misused "unknown option: $1" ;;
        *)
            case " $all " in *" $1 "*) names="$names $1" ;; *) misused "unknown server: $1" ;; esac
            if [ "$command" = run ]; then
                shift
                break
            fi
            ;;
    esac
    shift
done
find_set

case $command in
    help | -h | --help) help ;;
    fetch) fetch "${names:-$all}" ;;
    up) up ;;
    down) if [ -n "$every" ]; then down_all; else down; fi ;;
    status) status ;;
    kill) need_set && lock && each end ;;
    stop) need_set && lock && each stop ;;
    pause) need_set && lock && each pause ;;
    resume) need_set && lock && each resume ;;
    run) need_set && run_in "$@" ;;
    watch) watch ;;
    *) misused "unknown command: $command" ;;
esac
