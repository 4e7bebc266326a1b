# One image for both commands:
#   docker run unlockpath fleet-sim run /scenarios/quiet_city.yaml --broker mqtt://...
#   docker run unlockpath platform-probe run --config /etc/platform-probe.yaml
FROM python:3.13.5-slim-bookworm AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

# What runs, locked with hashes, in a layer that changes only with the lock.
COPY requirements-run.lock ./
RUN python -m venv /opt/unlockpath \
    && /opt/unlockpath/bin/pip install --require-hashes --only-binary :all: -r requirements-run.lock

# What builds is locked too, and stays behind in this stage.
COPY requirements.lock ./
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY fleet_wire ./fleet_wire
COPY fleet_sim ./fleet_sim
COPY platform_probe ./platform_probe
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/unlockpath/bin/pip install --no-deps /dist/unlockpath-*.whl

FROM python:3.13.5-slim-bookworm
# Group 0: where a cluster chooses the user id, as OpenShift does, that is all it has in common with us.
RUN useradd --system --uid 10001 --gid 0 --home-dir /data --create-home unlockpath && chmod g=u /data
COPY --from=build /opt/unlockpath /opt/unlockpath
COPY scenarios /scenarios
ENV PATH=/opt/unlockpath/bin:$PATH PYTHONUNBUFFERED=1
# By number: Kubernetes cannot tell whether a name is root's.
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 9464 9465
# No ENTRYPOINT: the first word says which of the two commands runs.
CMD ["platform-probe", "run"]
