# One image for both commands:
#   docker run unlockpath fleet-sim run /scenarios/quiet_city.yaml --broker mqtt://...
#   docker run unlockpath platform-probe run --config /etc/platform-probe.yaml
# The digest names the base exactly; the tag says what it is. Renew both together.
ARG BASE=docker.io/library/python:3.13.16-slim-trixie@sha256:bf44cdfcb76cd3b41e879bc058fc37ec5872002ccfde7fcb765e218cde0cd79c

FROM ${BASE} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# pip stays behind in this stage, with all that only builds.
RUN apt-get update -qq && apt-get install -qq --no-install-recommends binutils >/dev/null \
    && python -m venv /opt/build && python -m venv --without-pip /opt/unlockpath

# The users' packages, locked with hashes. This layer changes only with their lock.
COPY requirements-run.lock ./
RUN /opt/build/bin/pip --python /opt/unlockpath/bin/python install \
    --require-hashes --only-binary :all: -r requirements-run.lock

COPY requirements-build.lock ./
RUN /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY fleet_wire ./fleet_wire
COPY fleet_sim ./fleet_sim
COPY platform_probe ./platform_probe
COPY deploy ./deploy
COPY docs/runbook ./docs/runbook
COPY scenarios ./scenarios
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/build/bin/pip --python /opt/unlockpath/bin/python install --no-deps /dist/unlockpath-*.whl

# What a package brings for its own tests, for compilers, type checkers and debuggers is never used here.
RUN find /opt/unlockpath -depth -type d \( -name tests -o -name include \) -exec rm -rf {} + \
    && find /opt/unlockpath -regex '.*\.\(c\|h\|pyx\|pxd\|pyi\)' -delete \
    && find /opt/unlockpath -name '*.so' -exec strip --strip-unneeded {} +
COPY scripts/sbom ./
RUN /opt/unlockpath/bin/python sbom >/opt/unlockpath/sbom.cdx.json

FROM ${BASE}
ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="unlockpath" \
    org.opencontainers.image.description="Simulate a fleet of keyless cars, and watch every unlock" \
    org.opencontainers.image.licenses="Apache-2.0 AND MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
# Group 0: a cluster that chooses the user id, as OpenShift does, keeps only this group.
RUN useradd --system --uid 10001 --gid 0 --home-dir /data --create-home unlockpath && chmod g=u /data
COPY --from=build /opt/unlockpath /opt/unlockpath
COPY scenarios /scenarios
ENV PATH=/opt/unlockpath/bin:$PATH PYTHONUNBUFFERED=1
# By number: Kubernetes cannot tell whether a name is root's.
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 9464 9465
# The monitor is healthy when it is connected and subscribed. A container with another command sets
# HEALTH_URL to a page of its own, or switches this check off. urlopen raises for any status but 2xx.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(os.environ.get('HEALTH_URL', 'http://127.0.0.1:9464/readyz'), timeout=3)"]
# No ENTRYPOINT: the first word says which of the two commands runs.
CMD ["platform-probe", "run"]
