# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the parts share variables
# Sourced: Redis, which fsyncs each write before it answers; or Valkey, which speaks as Redis does and reads the same
# configuration, where PORTICO_TEST_REDIS_SERVER is valkey-server.

redis_server=${PORTICO_TEST_REDIS_SERVER:-redis-server}
case $redis_server in redis-server | valkey-server) ;; *) misused "PORTICO_TEST_REDIS_SERVER: redis-server or valkey-server" ;; esac

redis_user() { echo "${redis_server%-server}"; }
redis_ports() { echo port tls_port; }
redis_lacks() {
    command -v "$redis_server" >/dev/null || echo "$redis_server"
    command -v redis-cli >/dev/null || echo redis-tools
}
redis_hint() { echo "see that it is 7 or later (Debian: apt-get install $redis_server); ./just servers up redis"; }
redis_path() { dirname "$(command -v redis-cli)"; }

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

redis_start() { spawn "$redis_server" "$home/redis.conf"; }

# It listens before it has read its file; `PING` tells.
redis_ready() { REDISCLI_AUTH=$password redis-cli -h 127.0.0.1 -p "$port" PING 2>/dev/null | grep -q '^PONG$'; }

redis_env() {
    echo "PORTICO_TEST_REDIS_URL=redis://default:$password@127.0.0.1:$port"
    echo "PORTICO_TEST_REDIS_TLS_URL=rediss://default:$password@127.0.0.1:$tls_port"
}
