# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the parts share variables
# Sourced: an S3 server, s3s-fs, with the bucket `portico`. It checks signatures, ranges and checksums. No TLS.

s3s_fs=0.14.1

s3_user() { echo nobody; }
s3_ports() { echo port; }
s3_lacks() { :; }
s3_hint() { echo "delete $(s3_built) and try again: ./just servers up s3"; }
s3_path() { echo "$dir/s3/program/bin"; }
s3_built() { echo "$cache/s3/$s3s_fs"; }

# Optimized a little: most of its code is never called.
s3_fetch() {
    [ ! -e "$(s3_built)" ] || return 0
    say "compiling s3s-fs $s3s_fs: some minutes on two cores, once"
    rm -rf "${store:?}"/* # another version, or half of one
    env CARGO_TARGET_DIR="$store/build" CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_DEBUG=false \
        CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install --quiet --locked --root "$store/new" --features binary "s3s-fs@$s3s_fs" >&2 ||
        missing "cargo cannot install s3s-fs $s3s_fs (see above)"
    rm -rf "$store/build"
    mv "$store/new" "$(s3_built)"
}

s3_prepare() {
    share "$(s3_built)" "$dir/s3/program"
    mkdir -p "$home/data/portico"
}

s3_start() {
    spawn "$dir/s3/program/bin/s3s-fs" --host 127.0.0.1 --port "$port" --access-key portico --secret-key "$password" \
        "$home/data"
}

s3_ready() { listening "$port"; }

s3_env() {
    echo "PORTICO_TEST_S3_URL=http://127.0.0.1:$port"
    echo "PORTICO_TEST_S3_BUCKET=portico"
    echo "PORTICO_TEST_S3_REGION=us-east-1"
    echo "PORTICO_TEST_S3_ACCESS_KEY=portico"
    echo "PORTICO_TEST_S3_SECRET_KEY=$password"
}
