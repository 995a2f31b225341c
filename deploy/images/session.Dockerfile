# Sessions: `portico node --role session`. The images of all services differ in their role alone.
ARG BUILDER=portico-builder:latest
# hadolint ignore=DL3006 # the tag is in the argument
FROM ${BUILDER} AS builder

FROM scratch
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="portico-session" \
    org.opencontainers.image.description="Sessions of Portico, a self-hosted account backend" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.licenses="Apache-2.0"
COPY --from=builder /rootfs /
# By itself, for builders that forget whose files are.
COPY --from=builder --chown=10001:10001 /rootfs/var/lib/portico /var/lib/portico
# Where OpenSSL and rustls look for the authorities that TLS trusts beside those that the configuration names.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# The only place that is written to: `data` in it is the data directory.
WORKDIR /var/lib/portico
VOLUME /var/lib/portico
USER 10001:10001
EXPOSE 7400
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 CMD ["/usr/lib/portico/ready"]
ENTRYPOINT ["/usr/local/bin/portico", "node", "--role", "session"]
