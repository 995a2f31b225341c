# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the parts share variables
# Sourced: Kafka, one node that is broker and controller (KRaft). It makes no topic by itself. One of its listeners asks
# who calls, and knows the user `portico` (SCRAM-SHA-512). Another one tells clients to come by a port that a test's proxy has.

kafka_user() { echo nobody; }
kafka_ports() { echo port tls_port sasl_port controller_port proxied_port proxy_port; }
kafka_hint() { echo "see that java is 17 or later (Debian: openjdk-17-jre-headless); ./just servers up kafka"; }
kafka_path() { dirname "$(command -v java)"; }

kafka_lacks() {
    command -v java >/dev/null || echo openjdk-17-jre-headless
    [ -e "$(kafka_jars)" ] || command -v mvn >/dev/null || echo maven
}

# Another pom, another directory.
kafka_jars() { echo "$cache/kafka/$(cksum <deploy/kafka/pom.xml | cut -d ' ' -f 1)"; }

kafka_fetch() {
    jars=$(kafka_jars)
    [ ! -e "$jars" ] || return 0
    say "fetching Kafka's jars by Maven: some 45 MB"
    rm -rf "${store:?}"/* # another version, or half of one
    mvn --quiet --batch-mode -Dstyle.color=never --strict-checksums --file deploy/kafka/pom.xml \
        -Dmaven.repo.local="$store/maven" \
        dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$store/new" >&2 ||
        missing "Maven cannot fetch Kafka's jars (see above); a mirror goes into ~/.m2/settings.xml"
    rm -rf "$store/maven"
    mv "$store/new" "$jars"
}

kafka_prepare() {
    share "$(kafka_jars)" "$dir/kafka/jars"
    lend_tls
    cat "$home/server.key" "$home/server.pem" >"$home/keystore.pem"
    chmod 600 "$home/keystore.pem"
    cat >"$home/server.properties" <<CONFIG
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller_port
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,SSL://127.0.0.1:$tls_port,SASL_SSL://127.0.0.1:$sasl_port,PROXIED://127.0.0.1:$proxied_port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$port,SSL://127.0.0.1:$tls_port,SASL_SSL://127.0.0.1:$sasl_port,PROXIED://127.0.0.1:$proxy_port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
inter.broker.listener.name=PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location=$home/keystore.pem
ssl.client.auth=none
auto.create.topics.enable=false
log.dirs=$home/data
num.network.threads=2
num.io.threads=4
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
CONFIG
    cat >"$home/log4j2.properties" <<'CONFIG'
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1}: %m%n
CONFIG
    own
    kafka_java within kafka.tools.StorageTool format --cluster-id "$(secret | cut -c 1-22)" \
        --add-scram "SCRAM-SHA-512=[name=portico,password=$password]" --config server.properties
}

# kafka_java HOW CLASS ARGUMENT...
kafka_java() {
    how=$1
    shift
    "$how" java -Xmx512m -XX:+UseSerialGC -Dlog4j2.configurationFile="$home/log4j2.properties" \
        -cp "$dir/kafka/jars/*" "$@"
}

kafka_start() { kafka_java spawn kafka.Kafka server.properties; }

# It listens long before it answers.
kafka_ready() { listening "$port" && grep -q 'Kafka Server started' "$log"; }

kafka_env() {
    echo "PORTICO_TEST_KAFKA=127.0.0.1:$port"
    echo "PORTICO_TEST_KAFKA_TLS=127.0.0.1:$tls_port"
    echo "PORTICO_TEST_KAFKA_SASL=127.0.0.1:$sasl_port"
    echo "PORTICO_TEST_KAFKA_PROXIED=127.0.0.1:$proxied_port"
    echo "PORTICO_TEST_KAFKA_PROXY=127.0.0.1:$proxy_port"
    echo "PORTICO_TEST_KAFKA_PASSWORD=$password"
}
