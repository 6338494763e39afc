"""What a node or a gateway tells Prometheus, served over HTTP by the process itself.

Only a settings file that asks for it has this module and its library loaded: 2.1 MB of resident memory on a node. What
is now is asked for when scraped; no family here has a label that names a window or a level.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from contract.errors import SettingsError
from contract.status import GatewayStatus, NodeStatus
from contract.version import __version__
from transport.histogram import Histogram
from transport.lanes import Lanes
from transport.scrape import Scrape

# Answered on the loop, with a few reads of the disk.
PATIENCE_S = 5.0

Ask = Callable[[], Coroutine[object, object, list[Metric]]]


def gauge(name: str, what: str, value: float) -> Metric:
    """One figure that goes up and down."""
    return GaugeMetricFamily(name, what, value)


def counter(name: str, what: str, value: float) -> Metric:
    """One count since the start; `_total` is added to its name."""
    return CounterMetricFamily(name, what, value)


def filled(family: CounterMetricFamily | GaugeMetricFamily, figures: Iterable[tuple[str, float]]) -> Metric:
    """`family`, which has one label, with a figure for each of its values."""
    for value, figure in figures:
        family.add_metric([value], figure)
    return family


def histogram(name: str, what: str, durations: Histogram) -> Metric:
    """Durations by upper bound, cumulative."""
    return HistogramMetricFamily(name, what, buckets=list(durations.buckets()), sum_value=durations.sum_s)


def build_info() -> Metric:
    """The version that runs, as a label of a constant 1."""
    family = GaugeMetricFamily("manyi_build_info", "The version that runs", labels=["version"])
    family.add_metric([__version__], 1)
    return family


def of_a_hop(
    house: str, status: NodeStatus | GatewayStatus, lanes: Lanes, commits: Histogram, *, readable: bool
) -> Iterator[Metric]:
    """Yield what node and gateway have in common: what waits, the disk, the clock, resends and commits.

    Where the disk is not `readable`, nobody knows how old is what waits on it, so that is left out.
    """
    known = status.clock_error_ms is not None
    name = f"manyi_{house}"
    yield gauge(f"{name}_waiting_ratings", "Ratings that the next end is not known to have", status.queue)
    yield gauge(f"{name}_disk_readable", "Whether what was asked of the disk for this could be read", readable)
    if readable:
        yield gauge(f"{name}_oldest_seconds", "Age of the oldest of them, 0 for none", status.oldest_ms / 1000)
    yield gauge(f"{name}_disk_free_bytes", "Room for ordinary writes, beyond the reserve", status.disk_free)
    yield gauge(f"{name}_full", "Whether the disk takes no more ratings", status.full)
    yield gauge(f"{name}_clock_known", "Whether the city's time is known", known)
    if status.clock_error_ms is not None:
        yield gauge(f"{name}_clock_error_seconds", "How wrong it may be", status.clock_error_ms / 1000)
    yield counter(f"{name}_resends", "Payloads that got no answer and are sent again", lanes.unanswered)
    yield histogram(f"{name}_commit_seconds", "Duration of commits to the store", commits)
    yield build_info()


class _Asked(Collector):
    """Families worked out on the loop; `collect` is called on the server's thread."""

    def __init__(self, ask: Ask, loop: asyncio.AbstractEventLoop) -> None:
        self._ask = ask
        self._loop = loop

    def collect(self) -> Iterator[Metric]:
        yield from asyncio.run_coroutine_threadsafe(self._ask(), self._loop).result(PATIENCE_S)


@asynccontextmanager
async def exposed(scrape: Scrape, ask: Ask) -> AsyncIterator[None]:
    """Answer scrapes with what `ask` returns, and with memory and CPU of this process.

    Raises `SettingsError` where the address cannot be taken.
    """
    registry = CollectorRegistry()
    registry.register(_Asked(ask, asyncio.get_running_loop()))
    ProcessCollector(registry=registry)
    try:
        server, thread = start_http_server(scrape.port, scrape.host, registry)
    except OSError as bad:
        raise SettingsError(f"metrics: {scrape.host}:{scrape.port} cannot be taken: {bad.strerror or bad}") from bad
    try:
        yield
    finally:
        await asyncio.to_thread(server.shutdown)
        thread.join()
        server.server_close()
