# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the parts share variables
# Sourced: PostgreSQL, with a database and a role for each domain that stores rows, and a superuser `portico`.

postgres_user() { echo postgres; }
postgres_ports() { echo port; }
postgres_lacks() { [ -n "$(postgres_path)" ] || echo postgresql; }
postgres_hint() { echo "see that it is 15 or later (Debian: apt-get install postgresql); ./just servers up postgres"; }

# Where its programs are: Debian keeps them off PATH.
postgres_path() {
    for directory in /usr/lib/postgresql/*/bin; do
        [ ! -x "$directory/postgres" ] || newest=$directory
    done
    if [ -n "${newest:-}" ]; then
        echo "$newest"
    elif command -v postgres >/dev/null; then
        dirname "$(realpath "$(command -v postgres)")"
    fi
}

postgres_prepare() {
    bin=$(postgres_path)
    # Whom it trusts is told below.
    within "$bin/initdb" --pgdata=data --username=portico --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync
    lend_tls
    cat >>"$home/data/postgresql.conf" <<CONFIG
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 200
shared_buffers = 64MB
dynamic_shared_memory_type = mmap # in the data directory: a killed server leaves nothing in /dev/shm
fsync = on
synchronous_commit = on
full_page_writes = on
ssl = on
ssl_cert_file = '$home/server.pem'
ssl_key_file = '$home/server.key'
timezone = 'UTC'
log_timezone = 'UTC'
CONFIG
    echo "host all all 127.0.0.1/32 scram-sha-256" >"$home/data/pg_hba.conf"
    own
    # Single-user mode needs no port and no password; a line is a statement.
    {
        echo "ALTER ROLE portico PASSWORD '$password'"
        for domain in user photo; do
            echo "CREATE ROLE portico_$domain LOGIN PASSWORD '$domain$password'"
            echo "CREATE DATABASE portico_$domain OWNER portico_$domain"
            echo "REVOKE CONNECT ON DATABASE portico_$domain FROM PUBLIC"
        done
    } | within "$bin/postgres" --single -D data -c exit_on_error=true postgres
}

postgres_start() {
    postgres_ended
    spawn "$(postgres_path)/postgres" -D data
}

# A fast shutdown: at SIGTERM it would wait for its clients.
postgres_stops_at() { echo INT; }

postgres_ready() { "$(postgres_path)/pg_isready" --quiet --host=127.0.0.1 --port="$port"; }

# A killed server leaves a segment of shared memory, and a lock that its next start may take for a living one.
postgres_ended() {
    lockfile=$dir/postgres/home/data/postmaster.pid
    [ -e "$lockfile" ] || return 0
    postmaster=$(sed -n 1p "$lockfile") segment=$(sed -n '7s/.* //p' "$lockfile")
    while read -r _ id _ _ creator _ attached _; do
        [ "$id:$creator:$attached" != "$segment:$postmaster:0" ] || ipcrm --shmem-id "$segment"
    done </proc/sysvipc/shm
    rm -f "$lockfile"
}

postgres_env() {
    echo "PORTICO_TEST_POSTGRES_URL=postgres://portico:$password@127.0.0.1:$port/postgres"
    echo "PORTICO_TEST_POSTGRES_USER_URL=postgres://portico_user:user$password@127.0.0.1:$port/portico_user"
    echo "PORTICO_TEST_POSTGRES_PHOTO_URL=postgres://portico_photo:photo$password@127.0.0.1:$port/portico_photo"
}
