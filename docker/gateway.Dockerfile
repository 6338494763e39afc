# The box in a township.
#   docker build -f docker/gateway.Dockerfile -t manyi-gateway .     (from the project's top folder)
# With the hall's pages: --build-arg LOCK=gateway-web
FROM python:3.11-slim-bookworm AS build
ARG LOCK=gateway
WORKDIR /src
# Without pip: what runs in an office installs nothing.
RUN python -m venv --without-pip /opt/manyi
COPY requirements/${LOCK}.txt requirements/
# Wheels only: every one is there for amd64 and arm64, so no stage has a compiler.
RUN python -m pip --python /opt/manyi/bin/python install \
    --no-cache-dir --no-deps --require-hashes --only-binary :all: -r requirements/${LOCK}.txt
COPY pyproject.toml README.md LICENSE ./
COPY contract contract
COPY transport transport
COPY proof proof
COPY edge edge
COPY gateway gateway
COPY cloud cloud
COPY firmware_sim firmware_sim
COPY cli cli
RUN python -m pip --python /opt/manyi/bin/python install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/manyi --create-home manyi
COPY --from=build /opt/manyi /opt/manyi
USER manyi
WORKDIR /var/lib/manyi
VOLUME /var/lib/manyi
# Its settings have `[metrics]` with this port, on the container's own loopback.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/opt/manyi/bin/python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:9100/metrics', timeout=3)"]
ENTRYPOINT ["/opt/manyi/bin/manyi", "gateway"]
CMD ["run", "--config", "/etc/manyi/gateway.toml"]
