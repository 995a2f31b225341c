#!/usr/bin/env bash
# Two nodes of each role over real servers, on this machine: `./just up cluster`, and `./just down` from anywhere.
# deploy/README.md tells more; `deploy/scripts/cluster.sh --help` prints what there is to say.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
dir=$root/${CARGO_TARGET_DIR:-target}/cluster
case ${CARGO_TARGET_DIR:-} in /*) dir=$CARGO_TARGET_DIR/cluster ;; esac
first_port=${PORTICO_CLUSTER_PORT:-7400}
set_name=cluster-$first_port
roles=(log session photo user gateway) # in the order of their start
readonly WAIT_MAX_S=30

usage() {
    cat <<'USAGE'
Two nodes of each role (gateway, user, session, photo, log), each a process of its own, over throw-away PostgreSQL, Redis,
RabbitMQ, Kafka and S3 servers. Nodes ask each other over gRPC with mutual TLS. A node that ends is started again.

  ./just up cluster     builds, starts everything, tells where it listens, shows what changes, and ends it at Ctrl-C
  ./just down           ends it from elsewhere, and deletes what the servers hold

PORTICO_CLUSTER_PORT    the first of forty ports on 127.0.0.1 that it uses (7400): the gateways listen on the first two
PORTICO_CLUSTER_BINARY  a binary to run instead of building one

What nodes print, their data and their certificates lie in target/cluster. `kill -9 $(cat target/cluster/session-1/pid)`
shows what a lost node costs.
USAGE
}

say() { printf 'cluster: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 69
}

# port NAME: where a node listens: gateways to clients, the others to nodes. Its operator's listener is 20 above.
port() {
    local role=${1%-*} number=${1##*-} index
    case $role in gateway) index=0 ;; user) index=2 ;; session) index=4 ;; photo) index=6 ;; log) index=8 ;; esac
    echo $((first_port + index + number - 1))
}

names() {
    local role
    for role in "${roles[@]}"; do echo "$role-1" "$role-2"; done
}

peers() { printf '[127.0.0.1:%s, 127.0.0.1:%s]' "$(port "$1-1")" "$(port "$1-2")"; }

# value NAME: what the servers' `env` says of PORTICO_TEST_NAME.
value() { sed -n "s/^PORTICO_TEST_$1=//p" "$servers_env"; }

build() {
    portico=${PORTICO_CLUSTER_BINARY:-}
    [[ -z $portico ]] || return 0
    # shellcheck source=deploy/scripts/lib/need.sh
    . deploy/scripts/lib/need.sh
    cargo build --release --locked --package portico-node --features portico-node/distributed
    portico=$(dirname "$dir")/release/portico
}

# What all nodes have in common. Passwords stand in it: it is made readable by its owner alone.
write_common() {
    cat >"$dir/common.yml" <<CONFIG
node:
  secret_file: $dir/secret
user:
  store: { adapter: postgres, url: "$(value POSTGRES_USER_URL)", tls: { ca_file: $(value CA) } }
  cache: { adapter: redis }
session:
  store: { adapter: redis, url: "$(value REDIS_TLS_URL)", ca_file: $(value CA) }
photo:
  store: { adapter: postgres, url: "$(value POSTGRES_PHOTO_URL)", tls: { ca_file: $(value CA) } }
  content:
    adapter: s3
    endpoint: $(value S3_URL)
    region: $(value S3_REGION)
    bucket: $(value S3_BUCKET)
    access_key_id: $(value S3_ACCESS_KEY)
    secret_access_key: $(value S3_SECRET_KEY)
bus:
  broker: { adapter: rabbitmq, url: "$(value RABBITMQ_URL)" }
log:
  console: always
  transport: { kind: kafka, brokers: "$(value KAFKA)", tls: { mode: disable } }
CONFIG
}

# write_node NAME: what is its own.
write_node() {
    local name=$1 role=${1%-*} peers=
    case $role in
    gateway) peers="user: $(peers user), session: $(peers session), photo: $(peers photo)" ;;
    user) peers="session: $(peers session)" ;;
    esac
    mkdir -p "$dir/$name"
    {
        printf 'data: { dir: %s }\n' "$dir/$name/data"
        printf 'operator: { listen: 127.0.0.1:%s }\n' $(($(port "$name") + 20))
        printf 'node:\n  name: %s\n  roles: [%s]\n  peers: { %s }\n' "$name" "$role" "$peers"
        printf '  tls: { certificate_file: %s, key_file: %s, ca_file: %s }\n' \
            "$dir/certs/$name.pem" "$dir/certs/$name.key" "$dir/certs/ca.pem"
        case $role in
        gateway) printf 'gateway: { listen: 127.0.0.1:%s }\n' "$(port "$name")" ;;
        log) ;;
        *) printf '  listen: 127.0.0.1:%s\n' "$(port "$name")" ;;
        esac
    } >"$dir/$name/node.yml"
}

prepare() {
    mkdir -p "$dir"
    chmod 700 "$dir"
    rm -f "$dir/stopping"
    say "starting PostgreSQL, Redis, RabbitMQ, Kafka and S3"
    servers_env=$(deploy/scripts/servers.sh up --set "$set_name" --for $$)
    [[ -e $dir/secret ]] || od -An -tx1 -N32 /dev/urandom | tr -d ' \n' >"$dir/secret"
    [[ -e $dir/certs/ca.pem ]] || "$portico" certs init --dir "$dir/certs" >/dev/null 2>&1
    local name
    for name in $(names); do
        [[ -e $dir/certs/$name.pem ]] ||
            "$portico" certs issue --dir "$dir/certs" --role "${name%-*}" --name "$name" >/dev/null
        write_node "$name"
    done
    "$portico" certs renew --dir "$dir/certs" >/dev/null
    write_common
}

# keep NAME: runs a node, again and again, until everything stops.
keep() {
    local name=$1 wait_s=1 began code
    trap - INT TERM EXIT
    trap '' INT
    while [[ ! -e $dir/stopping ]]; do
        began=$SECONDS code=0
        "$portico" node --config "$dir/common.yml" --config "$dir/$name/node.yml" \
            >"$dir/$name/out" 2>>"$dir/$name/err" &
        echo $! >"$dir/$name/pid"
        wait $! || code=$?
        rm -f "$dir/$name/pid"
        [[ ! -e $dir/stopping ]] || break
        ((SECONDS - began < 60)) || wait_s=1
        say "$name ended with $code; it is started again in $wait_s s"
        sleep $wait_s
        wait_s=$((wait_s * 2 > WAIT_MAX_S ? WAIT_MAX_S : wait_s * 2))
    done
}

# state NAME: what its operator's listener answers.
state() {
    local status
    status=$(curl --silent --max-time 2 --output /dev/null --write-out '%{http_code}' \
        "http://127.0.0.1:$(($(port "$1") + 20))/readyz") || true
    case $status in 200) echo ready ;; 503) echo "not ready" ;; *) echo down ;; esac
}

await() {
    local name deadline=$((SECONDS + 120))
    for name in "$@"; do
        until [[ $(state "$name") == ready ]]; do
            ((SECONDS < deadline)) || fail "$name is not ready: see $dir/$name/err"
            sleep 0.3
        done
    done
}

# Prints every change of a node's state.
follow() {
    declare -A last
    local name now
    while sleep 2; do
        for name in $(names); do
            now=$(state "$name")
            [[ $now == "${last[$name]:-ready}" ]] || printf '%s  %-10s %s\n' "$(date +%T)" "$name" "$now"
            last[$name]=$now
        done
    done
}

# Ends nodes in the reverse order of their start, whatever state they are in, and then the servers.
finish() {
    trap '' INT TERM
    trap - EXIT
    touch "$dir/stopping"
    local role name pid
    for role in gateway user photo session log; do
        for name in "$role-1" "$role-2"; do
            pid=$(cat "$dir/$name/pid" 2>/dev/null) && kill -TERM "$pid" 2>/dev/null || true
        done
        for name in "$role-1" "$role-2"; do
            for _ in $(seq 250); do
                [[ -e $dir/$name/pid ]] || break
                sleep 0.1
            done
        done
    done
    deploy/scripts/servers.sh down --set "$set_name" >/dev/null 2>&1 || true
    rm -rf "${dir:?}/pid" "$dir"/*/data
    # shellcheck disable=SC2046 # one for each job
    kill $(jobs -p) 2>/dev/null || true
    say "ended"
}

up() {
    [[ ! -e $dir/pid ]] || ! kill -0 "$(cat "$dir/pid")" 2>/dev/null || fail "it runs already; ./just down ends it"
    build
    prepare
    echo $$ >"$dir/pid"
    trap 'exit 130' INT
    trap 'exit 0' TERM
    trap finish EXIT
    say "bringing the databases up to date"
    "$portico" migrate --config "$dir/common.yml" --data-dir "$dir/migrate" --set log.console=never >/dev/null
    local role name
    for role in "${roles[@]}"; do
        for name in "$role-1" "$role-2"; do keep "$name" & done
        await "$role-1" "$role-2"
        say "$role-1 and $role-2 are ready"
    done
    for name in gateway-1 gateway-2; do
        printf '%s listening on http://127.0.0.1:%s\n' "$name" "$(port "$name")"
    done
    printf 'metrics and readiness of a node: 20 above its port (%s)\n' \
        "$(for name in $(names); do printf '%s %s ' "$name" "$(($(port "$name") + 20))"; done)"
    tail --quiet --lines=0 --follow=name --retry "$dir"/*/err 2>/dev/null | grep --line-buffered -E ' (WARN|ERROR) ' &
    follow
}

down() {
    local pid
    pid=$(cat "$dir/pid" 2>/dev/null) && kill -TERM "$pid" 2>/dev/null || {
        say "nothing runs"
        return 0
    }
    while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
}

case ${1:-up} in
up) up ;;
down) down ;;
-h | --help) usage ;;
*)
    usage >&2
    exit 64
    ;;
esac
