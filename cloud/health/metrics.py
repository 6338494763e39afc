"""What Prometheus is told. Counts are folded here from commits; what is now is asked for when scraped.

No label ever names a window, node or township: ten thousand windows would be ten thousand series, and a grade by window
is nobody's business here.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from cloud.health.rules import Device
from cloud.ledger.commit import Commit
from contract.errors import Reason
from contract.version import __version__

DELAY_BOUNDS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0)


class Histogram:
    """Counts by upper bound (s); the last one is for everything above."""

    def __init__(self, bounds_s: Sequence[float]) -> None:
        self._bounds = bounds_s
        self._counts = [0] * (len(bounds_s) + 1)
        self._sum = 0.0

    def add(self, seconds: float, times: int = 1) -> None:
        """Count `times` observations of `seconds`."""
        self._counts[bisect_left(self._bounds, seconds)] += times
        self._sum += seconds * times

    def family(self, name: str, what: str) -> Metric:
        """Return it as Prometheus reads it: cumulative."""
        running = 0
        buckets = []
        for bound, count in zip([*map(str, self._bounds), "+Inf"], self._counts, strict=True):
            running += count
            buckets.append((bound, running))
        return HistogramMetricFamily(name, what, buckets=buckets, sum_value=self._sum)


class Ledger:
    """Counts what every commit since the start brought."""

    def __init__(self) -> None:
        self.position = 0
        self.commits = 0
        self.counted = 0
        self.quarantined: Counter[Reason] = Counter()
        self.held: Counter[Reason] = Counter()
        self.delays = Histogram(DELAY_BOUNDS_S)

    def committed(self, commit: Commit) -> None:
        """Listen to the ledger."""
        self.position = commit.position
        self.commits += 1
        self.counted += sum(map(sum, commit.cells.values()))
        self.quarantined.update(commit.reasons)
        self.held.update({reason: rows for reason, rows in commit.held.items() if rows > 0})
        for delay, times in Counter(commit.delays).items():
            self.delays.add(max(0, delay) / 1000, times)


class Metrics(Collector):
    """One scrape: what the ledger brought, and what `now` (names and figures), `devices` and `refused` say."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        now: Callable[[], dict[str, tuple[str, float]]],
        devices: Callable[[], list[Device]],
        refused: Callable[[], Counter[Reason]],
    ) -> None:
        self._ledger = ledger
        self._now = now
        self._devices = devices
        self._refused = refused

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        ledger = self._ledger
        yield GaugeMetricFamily("manyi_ledger_position", "Highest position in the ledger", ledger.position)
        yield CounterMetricFamily("manyi_commits", "Committed transactions of ingest", ledger.commits)
        yield CounterMetricFamily("manyi_ratings_counted", "Ratings newly counted", ledger.counted)
        yield _by_reason("manyi_quarantined", "Inputs quarantined", ledger.quarantined)
        yield _by_reason("manyi_uncounted", "Rows that entered the ledger uncounted", ledger.held)
        yield _by_reason("manyi_status_refused", "Unreadable statuses of gateways", self._refused())
        yield ledger.delays.family("manyi_delay_seconds", "From the settled choice to the ledger, on the live lane")
        for name, (what, value) in self._now().items():
            yield GaugeMetricFamily(f"manyi_{name}", what, value)
        devices = self._devices()
        states = GaugeMetricFamily("manyi_devices", "Devices by kind and state", labels=["kind", "state"])
        for (kind, state), count in sorted(Counter((device.kind, device.state) for device in devices).items()):
            states.add_metric([kind, state], count)
        yield states
        waiting = sum(device.queue for device in devices)
        yield GaugeMetricFamily("manyi_waiting_ratings", "Ratings on their way, as last reported", waiting)
        build = GaugeMetricFamily("manyi_build_info", "The version that runs", labels=["version"])
        build.add_metric([__version__], 1)
        yield build


def _by_reason(name: str, what: str, counts: Counter[Reason]) -> Metric:
    family = CounterMetricFamily(name, what, labels=["reason"])
    for reason in Reason:
        family.add_metric([reason.value], counts[reason])
    return family
