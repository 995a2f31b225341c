# shellcheck shell=sh
# shellcheck disable=SC1090,SC2030,SC2031,SC2034,SC2154 # facts are sourced, and the parts share variables
# Sourced: starts one server and waits until it is ready.

# start NAME: runs as a background job, so that it may set variables and exit as it likes. It keeps
# the lock of its caller, who may be interrupted before it is done.
start() {
    name=$1 home=$dir/$1/home log=$dir/$1/log user=$(user_of "$1") began=$(date +%s)
    . "$dir/$name/facts"
    trap 'failed $?' EXIT
    case $(state "$name") in
        up)
            say "$name is up on 127.0.0.1:$port"
            return
            ;;
        paused)
            say "$name was paused"
            resume "$name"
            leader=
            ;;
        starting) leader= ;;
        *)
            [ ! -e "$log" ] || mv "$log" "$log.1"
            [ -e "$dir/$name/prepared" ] || prepare >>"$log" 2>&1
            "${name}_start"
            ;;
    esac
    await
    say "$name is up on 127.0.0.1:$port after $(($(date +%s) - began)) s"
}

prepare() {
    rm -rf "$home"
    mkdir -m 700 "$home"
    own
    "${name}_prepare"
    own
    : >"$dir/$name/prepared"
}

# Gives its home to the server's user.
own() {
    [ "$(id -u)" != 0 ] || chown -R "$user:$(id -g "$user")" "$home"
}

# Waits until the server is ready, has ended, or takes too long.
await() {
    until "${name}_ready" && [ -n "$(members "$name")" ]; do
        if [ -n "$leader" ]; then alive "$leader"; else [ -n "$(members "$name")" ]; fi || {
            say "$name has ended"
            exit 1
        }
        [ $(($(date +%s) - began)) -lt 180 ] || {
            say "$name is not ready after 180 s"
            exit 1
        }
        sleep 0.1
    done
}

# failed CODE: shows why, and leaves nothing half started.
failed() {
    [ "$1" != 0 ] || return 0
    say "$name could not be started; the end of $log:"
    tail -n 20 "$log" 2>/dev/null | sed 's/^/    /' >&2
    say "what to do: $("${name}_hint")"
    end "$name"
    exit 1
}
