#!/bin/sh
# Makes what deploy/compose.yml keeps secret, each in a file of its own in deploy/secrets: passwords, addresses with
# them, and a certificate for https://localhost until you put your own there. What is there already stays as it is.
#
# The directory is its owner's alone. The files in it are open, since each container reads them as a user of its own.
set -eu
cd "$(dirname "$0")/.."
command -v openssl >/dev/null || {
    echo "secrets: openssl is not on PATH: install openssl" >&2
    exit 69
}
umask 022
mkdir -p secrets
chmod 700 secrets
cd secrets

# random BYTES: as many, in hexadecimal digits.
random() { openssl rand -hex "$1" | tr -d '\n'; }

# keep FILE: standard input, unless the file is there; whole or not at all.
keep() {
    if [ -e "$1" ]; then
        cat >/dev/null
    else
        cat >"$1.new"
        mv "$1.new" "$1"
    fi
}

# password NAME: made once.
password() {
    random 24 | keep "$1.password"
    cat "$1.password"
}

random 32 | keep node.secret
random 24 | keep s3.key

password postgres >/dev/null
password grafana >/dev/null
user=$(password user)
photo=$(password photo)
echo "postgres://portico_user:$user@postgres:5432/portico_user" | keep user.url
echo "postgres://portico_photo:$photo@postgres:5432/portico_photo" | keep photo.url
keep postgres.sql <<SQL
CREATE ROLE portico_user LOGIN PASSWORD '$user';
CREATE DATABASE portico_user OWNER portico_user;
CREATE ROLE portico_photo LOGIN PASSWORD '$photo';
CREATE DATABASE portico_photo OWNER portico_photo;
SQL

redis=$(password redis)
echo "redis://portico:$redis@redis:6379/0" | keep redis.url
keep redis.acl <<ACL
user default off
user portico on >$redis ~portico:* +@read +@write +@scripting +@connection +info
ACL

rabbitmq=$(password rabbitmq)
echo "amqp://portico:$rabbitmq@rabbitmq:5672/portico" | keep rabbitmq.url
keep rabbitmq.conf <<CONF
default_vhost = portico
default_user = portico
default_pass = $rabbitmq
default_user_tags.administrator = false
default_permissions.configure = ^portico[.]
default_permissions.read = ^portico[.]
default_permissions.write = ^portico[.]
CONF

[ -e gateway.pem ] ||
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout gateway.key -out gateway.pem 2>/dev/null
chmod 444 ./*
echo "secrets: in $PWD"
