# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the parts share variables
# Sourced: what `./just servers --help` prints.

help() {
    cat <<'TEXT'
Real servers that can be thrown away: postgres, redis, rabbitmq, kafka and s3, on free ports of 127.0.0.1, with all
that they write in one directory. Nothing of the machine's own servers is touched.

  ./just servers up [NAME...]        starts all, or those named, and waits until they are ready; what is up stays so
  ./just servers status              which are up, where they listen, and with which passwords
  ./just servers kill NAME...        SIGKILL to all its processes; `up NAME` starts it again: same port, same data
  ./just servers stop NAME...        asks it to end, and SIGKILL to what is left after 30 s; `up NAME` starts it again
  ./just servers pause NAME...       SIGSTOP to all of them: connections stay open, and nothing answers
  ./just servers resume NAME...      SIGCONT
  ./just servers down                ends all and deletes everything; --all: every set, unless it was made with --dir
  ./just servers run NAME COMMAND... runs a server's own tool as its user: run rabbitmq rabbitmqctl list_vhosts
  ./just servers fetch [NAME...]     installs and builds what `up` would, and starts nothing

Options:
  --set NAME    another set (default: default); any number of them run side by side
  --dir DIR     a set in a directory of your choice, which must be empty or missing, and which other users can enter
  --for PID     up: the set ends by itself when that process has ended

Each set holds a file `env` of PORTICO_TEST_* variables, readable by you alone. `up` prints its path:

  set -a; . "$(./just servers up)"; set +a
  psql "$PORTICO_TEST_POSTGRES_USER_URL"        redis-cli -u "$PORTICO_TEST_REDIS_URL" PING

TLS: every server but s3 listens for it too, with a certificate for localhost and 127.0.0.1 by a CA that the set makes
(PORTICO_TEST_CA). Durability: PostgreSQL has fsync=on, Redis appends and fsyncs each write.

PORTICO_TEST_REDIS_SERVER=valkey-server makes Redis a Valkey; `./just valkey` runs the tests over it.

What is missing is installed: Debian packages when you are root (PostgreSQL, Redis, RabbitMQ, a Java runtime, Maven),
Kafka's jars by Maven (deploy/kafka/pom.xml), s3s-fs by cargo (some minutes, once); the last two into target/servers.
Each server runs as its Debian package's user, or as nobody, when you are root; as you otherwise.

Sets lie in ${TMPDIR:-/tmp}/portico-servers-UID. A server's log is NAME/log beneath its set; that of its last start but
one, NAME/log.1. Exit codes: 0 done; 1 a server did not start (the end of its log is shown); 64 misuse; 69 something
cannot be installed.
TEXT
}
