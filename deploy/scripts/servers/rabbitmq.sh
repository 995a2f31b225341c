# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the parts share variables
# Sourced: RabbitMQ, with the user `portico`, who may do everything in the virtual host `portico`. No plugins.
#
# It has an Erlang port mapper (epmd) of its own, which ends with it.

rabbitmq_user() { echo rabbitmq; }
rabbitmq_ports() { echo port tls_port dist_port epmd_port; }
rabbitmq_lacks() { [ -x "$(rabbitmq_path)/rabbitmq-server" ] || echo rabbitmq-server; }
rabbitmq_hint() { echo "see that it is 3.10 or later (apt-get install rabbitmq-server); ./just servers up rabbitmq"; }
# Not the wrappers in /usr/sbin, which know one server a machine.
rabbitmq_path() { echo /usr/lib/rabbitmq/bin; }

rabbitmq_prepare() {
    lend_tls
    cat >"$home/rabbitmq.conf" <<CONFIG
listeners.tcp.1 = 127.0.0.1:$port
listeners.ssl.1 = 127.0.0.1:$tls_port
ssl_options.cacertfile = $home/ca.pem
ssl_options.certfile = $home/server.pem
ssl_options.keyfile = $home/server.key
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
default_user = portico
default_pass = $password
default_vhost = portico
log.console = true
log.console.level = info
log.file = false
disk_free_limit.absolute = 50MB
CONFIG
    echo '[].' >"$home/enabled_plugins"
    echo '[].' >"$home/advanced.config"
    : >"$home/rabbitmq-env.conf"
    # Erlang's schedulers sleep instead of spinning: other servers want the processors too.
    cat >"$home/environment" <<ENVIRONMENT
RABBITMQ_NODENAME=portico@localhost
RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
RABBITMQ_NODE_PORT=$port
RABBITMQ_DIST_PORT=$dist_port
RABBITMQ_MNESIA_BASE=$home/mnesia
RABBITMQ_LOG_BASE=$home/log
RABBITMQ_LOGS=-
RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf
RABBITMQ_ADVANCED_CONFIG_FILE=$home/advanced.config
RABBITMQ_CONF_ENV_FILE=$home/rabbitmq-env.conf
RABBITMQ_GENERATED_CONFIG_DIR=$home/config
RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins
RABBITMQ_FEATURE_FLAGS_FILE=$home/feature_flags
RABBITMQ_PID_FILE=$home/pid
RABBITMQ_SERVER_START_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+sbwt none +sbwtdcpu none +sbwtdio none"
ERL_EPMD_PORT=$epmd_port
ERL_EPMD_ADDRESS=127.0.0.1
ENVIRONMENT
}

rabbitmq_start() {
    # shellcheck disable=SC2016 # the inner shell expands it
    spawn sh -c 'set -a; . ./environment; epmd & exec "$1/rabbitmq-server"' sh "$(rabbitmq_path)"
}

# Listeners come last.
rabbitmq_ready() { listening "$port" && listening "$tls_port"; }

rabbitmq_env() {
    echo "PORTICO_TEST_RABBITMQ_URL=amqp://portico:$password@127.0.0.1:$port/portico"
    echo "PORTICO_TEST_RABBITMQ_TLS_URL=amqps://portico:$password@127.0.0.1:$tls_port/portico"
}
