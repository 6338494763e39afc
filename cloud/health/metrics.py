"""What Prometheus is told. Counts are folded here from commits; what is now is asked for when scraped.

No label ever names a window, node or township: ten thousand windows would be ten thousand series, and a grade by window
is nobody's business here.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cloud.clocks.rules import Skew
from cloud.health.rules import Device
from cloud.ledger.cells import rated
from cloud.ledger.commit import Commit
from contract.errors import Reason
from transport.exposition import build_info, histogram
from transport.histogram import COMMIT_BOUNDS_S, Histogram

DELAY_BOUNDS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0)

Source = Callable[[], Iterator[Metric]]


class Ledger:
    """Counts what every commit since the start brought."""

    def __init__(self) -> None:
        # The newest commit's: a process that has made none yet knows of no position.
        self.position = 0
        self.commits = 0
        self.counted = 0
        self.quarantined: Counter[Reason] = Counter()
        self.held: Counter[Reason] = Counter()
        self.delays = Histogram(DELAY_BOUNDS_S)
        self.durations = Histogram(COMMIT_BOUNDS_S)

    def committed(self, commit: Commit) -> None:
        """Listen to the ledger."""
        self.position = commit.position
        self.commits += 1
        self.counted += rated(commit.cells)
        self.quarantined.update(commit.reasons)
        self.held.update({reason: rows for reason, rows in commit.held.items() if rows > 0})
        for delay, times in Counter(commit.delays).items():
            self.delays.add(max(0, delay) / 1000, times)
        self.durations.add(commit.seconds)

    def families(self) -> Iterator[Metric]:
        """Yield what the commits brought."""
        yield GaugeMetricFamily("manyi_ledger_position", "Position of this process's newest commit", self.position)
        yield CounterMetricFamily("manyi_commits", "Committed transactions of ingest", self.commits)
        yield CounterMetricFamily("manyi_ratings_counted", "Ratings newly counted", self.counted)
        yield _by_reason("manyi_quarantined", "Inputs quarantined", self.quarantined)
        yield _by_reason("manyi_uncounted", "Rows that entered the ledger uncounted", self.held)
        yield histogram("manyi_delay_seconds", "From the press to the ledger, on the live lane", self.delays)
        yield histogram("manyi_commit_seconds", "From the beginning of a transaction to its end", self.durations)


class Metrics(Collector):
    """One scrape: what each of `sources` tells, and the version."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        for source in self._sources:
            yield from source()
        yield build_info()


def gauges(figures: Mapping[str, tuple[str, float]]) -> Iterator[Metric]:
    """Yield what is now: by name, what it is and how much."""
    for name, (what, value) in figures.items():
        yield GaugeMetricFamily(f"manyi_{name}", what, value)


def counts(figures: Mapping[str, tuple[str, float]]) -> Iterator[Metric]:
    """Yield what was counted since the start: by name, what it is and how many."""
    for name, (what, value) in figures.items():
        yield CounterMetricFamily(f"manyi_{name}", what, value)


def counties(held: Collection[str], registered: Iterable[str]) -> Iterator[Metric]:
    """Yield 1 for each county that this worker has and 0 for each other registered one; who is alone has just "+".

    A county that no worker has is one with 0 from all of them, also where none ever had it.
    """
    family = GaugeMetricFamily("manyi_county_held", "Counties whose ratings this worker settles", labels=["county"])
    for county in sorted(held if "+" in held else {*held, *registered}):
        family.add_metric([county], county in held)
    yield family


def fleet(devices: Sequence[Device], refused: Counter[Reason]) -> Iterator[Metric]:
    """Yield how the devices are, what they keep and what they damaged, and how many statuses could not be read."""
    yield _by_reason("manyi_status_refused", "Unreadable statuses of gateways", refused)
    states = GaugeMetricFamily("manyi_devices", "Devices by kind and state", labels=["kind", "state"])
    for (kind, state), count in sorted(Counter((device.kind, device.state) for device in devices).items()):
        states.add_metric([kind, state], count)
    yield states
    yield from gauges(
        {
            "waiting_ratings": ("Ratings on their way, as last reported", sum(device.queue for device in devices)),
            "destroyed_ratings": ("Ratings that disks damaged, ever", sum(device.destroyed for device in devices)),
        }
    )


def skewed(skews: Collection[Skew]) -> Iterator[Metric]:
    """Yield how many clocks disagree with the city's, and the worst of them."""
    worst = max((abs(skew.off_ms) for skew in skews), default=0)
    yield from gauges(
        {
            "clocks_skewed": ("Devices whose clock disagrees with the city's", len(skews)),
            "clock_off_seconds": ("By how much the worst of them does, at least", worst / 1000),
        }
    )


def _by_reason(name: str, what: str, counts: Counter[Reason]) -> Metric:
    family = CounterMetricFamily(name, what, labels=["reason"])
    for reason in Reason:
        family.add_metric([reason.value], counts[reason])
    return family
