# People at windows, and the judge of what became of their presses: for the demo in containers, never for an office.
#   docker build -f docker/sim.Dockerfile -t manyi-sim .     (from the project's top folder)
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
# Without pip: what runs in an office installs nothing.
RUN python -m venv --without-pip /opt/manyi
COPY requirements/run.txt requirements/
# Wheels only: every one is there for amd64 and arm64, so no stage has a compiler.
RUN python -m pip --python /opt/manyi/bin/python install \
    --no-cache-dir --no-deps --require-hashes --only-binary :all: -r requirements/run.txt
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
ENTRYPOINT ["/opt/manyi/bin/manyi"]
CMD ["demo", "--help"]
