# The box in a township.
#   docker build -f docker/gateway.Dockerfile -t manyi-gateway .     (from the project's top folder)
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/manyi
COPY requirements/gateway.txt requirements/
RUN /opt/manyi/bin/python -m pip install --no-cache-dir --no-deps --require-hashes -r requirements/gateway.txt
COPY pyproject.toml README.md LICENSE ./
COPY contract contract
COPY transport transport
COPY proof proof
COPY edge edge
COPY gateway gateway
COPY cloud cloud
COPY firmware_sim firmware_sim
COPY cli cli
RUN /opt/manyi/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/manyi --create-home manyi
COPY --from=build /opt/manyi /opt/manyi
USER manyi
WORKDIR /var/lib/manyi
VOLUME /var/lib/manyi
ENTRYPOINT ["/opt/manyi/bin/manyi", "gateway"]
CMD ["run", "--config", "/etc/manyi/gateway.toml"]
