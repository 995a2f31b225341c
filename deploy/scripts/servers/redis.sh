# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the parts share variables
# Sourced: Redis, which fsyncs each write before it answers.

redis_user() { echo redis; }
redis_ports() { echo port tls_port; }
redis_lacks() { command -v redis-server >/dev/null || echo redis-server; }
redis_hint() { echo "see that it is 7 or later (Debian: apt-get install redis-server); ./just servers up redis"; }
redis_path() { dirname "$(command -v redis-server)"; }

redis_prepare() {
    lend_tls
    cat >"$home/redis.conf" <<CONFIG
bind 127.0.0.1
port $port
tls-port $tls_port
tls-cert-file $home/server.pem
tls-key-file $home/server.key
tls-ca-cert-file $home/ca.pem
tls-auth-clients no
requirepass $password
dir $home
appendonly yes
appendfsync always
save ""
CONFIG
}

redis_start() { spawn redis-server "$home/redis.conf"; }

# It listens before it has read its file; `PING` tells.
redis_ready() { REDISCLI_AUTH=$password redis-cli -h 127.0.0.1 -p "$port" PING 2>/dev/null | grep -q '^PONG$'; }

redis_env() {
    echo "PORTICO_TEST_REDIS_URL=redis://default:$password@127.0.0.1:$port"
    echo "PORTICO_TEST_REDIS_TLS_URL=rediss://default:$password@127.0.0.1:$tls_port"
}
