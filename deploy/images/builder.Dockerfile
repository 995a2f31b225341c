# What the images of all services are made of: /rootfs holds the binary, the libraries that it needs, and little else.
#
# The binary is compiled outside, and copied: Portico wants a newer Rust than Debian has, which comes from a registry or
# from rustup, and not everybody who makes images can reach these. So cargo's cache serves too, and the images hold the
# very binary that was tested. It is started once, to see that it was compiled against no newer C library than the base's.
#
# deploy/scripts/images.sh makes the context: this directory, the binary and LICENSE.
ARG BASE=debian:bookworm-slim
FROM ${BASE}

# hadolint ignore=DL3008 # the base decides the versions: those of its release, with their fixes
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libssl3 \
    && rm -rf /var/lib/apt/lists/*

COPY portico /usr/local/bin/portico
COPY ready stage /usr/lib/portico/
COPY LICENSE /usr/share/doc/portico/LICENSE
RUN /usr/lib/portico/stage /rootfs && chroot --userspec=10001:10001 /rootfs /usr/local/bin/portico --version

# `certs` of deploy/compose.yml runs in this image itself. An empty volume takes its owner from what it is mounted over.
RUN install -d -o 10001 -g 10001 -m 0700 \
    /certs/authority /certs/gateway /certs/user /certs/session /certs/photo /certs/log /volumes/s3
USER 10001:10001
