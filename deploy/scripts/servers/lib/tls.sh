# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the parts share variables
# Sourced: a CA for one set, and one certificate for its servers.

make_tls() {
    [ ! -e "$dir/tls/server.pem" ] || return 0
    rm -rf "$dir/tls"
    mkdir "$dir/tls"
    cat >"$dir/tls/openssl.cnf" <<'CONFIG'
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
CONFIG
    (
        cd "$dir/tls"
        umask 077
        key="-config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        # shellcheck disable=SC2086 # words
        {
            openssl req $key -x509 -extensions ca -subj "/CN=Portico test CA" -days 30 -keyout ca.key -out ca.pem
            openssl req $key -subj "/CN=localhost" -keyout server.key -out server.csr
        }
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 30 \
            -extfile openssl.cnf -extensions server -out signed.pem
        chmod 644 ca.pem
        mv signed.pem server.pem
    ) >"$dir/tls/log" 2>&1 || {
        cat "$dir/tls/log" >&2
        missing "openssl cannot make certificates"
    }
}

# lend_tls: copies of CA, certificate and key into a server's $home, which its $user alone may read.
lend_tls() {
    cp "$dir/tls/ca.pem" "$dir/tls/server.pem" "$dir/tls/server.key" "$home"
    chmod 600 "$home/server.key"
}
