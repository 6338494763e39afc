# A node at the windows. On a Pi give it the pins: --device /dev/gpiochip0 --group-add $(stat -c %g /dev/gpiochip0)
#   docker build -f docker/edge.Dockerfile -t manyi-edge .     (from the project's top folder)
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/manyi
COPY requirements/edge.txt requirements/
RUN /opt/manyi/bin/python -m pip install --no-cache-dir --no-deps --require-hashes -r requirements/edge.txt
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
ENTRYPOINT ["/opt/manyi/bin/manyi", "edge"]
CMD ["run", "--config", "/etc/manyi/edge.toml"]
