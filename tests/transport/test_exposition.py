"""A process answers Prometheus from its own loop, and gives the port back."""

import asyncio
import socket
from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from contract.errors import SettingsError
from contract.status import NodeStatus
from contract.version import __version__
from transport import exposition
from transport.exposition import build_info, counter, exposed, filled, gauge, histogram, of_a_hop
from transport.histogram import Histogram
from transport.lanes import Lanes
from transport.scrape import Scrape


async def scraped(port: int) -> dict[str, float]:
    def get() -> str:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
            return text

    families = text_string_to_metric_families(await asyncio.to_thread(get))
    return {sample.name: sample.value for family in families for sample in family.samples}


async def test_each_scrape_asks_anew(free_port: Callable[[], int]) -> None:
    port, asked = free_port(), 0

    async def ask() -> list[Metric]:
        nonlocal asked
        asked += 1
        return [gauge("manyi_asked", "How often", asked), build_info()]

    async with exposed(Scrape(port), ask):
        assert (await scraped(port))["manyi_asked"] == 1
        figures = await scraped(port)
    assert figures["manyi_asked"] == 2
    assert figures["process_resident_memory_bytes"] > 1e6
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


async def test_a_scrape_that_fails_is_an_error_to_prometheus_and_nobody_else(
    free_port: Callable[[], int], capfd: pytest.CaptureFixture[str]
) -> None:
    port = free_port()

    async def ask() -> list[Metric]:
        raise ValueError("not now")

    async with exposed(Scrape(port), ask):
        with pytest.raises(HTTPError, match="500"):
            await scraped(port)
    capfd.readouterr()


async def test_a_loop_that_finds_no_time_for_it_is_an_error_too(
    free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(exposition, "PATIENCE_S", 0.05)
    port, idle = free_port(), asyncio.Event()

    async def ask() -> list[Metric]:
        await idle.wait()
        return []

    async with exposed(Scrape(port), ask):
        with pytest.raises(HTTPError, match="500"):
            await scraped(port)
        idle.set()
    capfd.readouterr()


async def test_a_port_in_use_is_one_line(free_port: Callable[[], int]) -> None:
    port = free_port()

    async def ask() -> list[Metric]:
        return []

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(SettingsError, match=f"metrics: 127.0.0.1:{port} cannot be taken: Address already in use"):
            async with exposed(Scrape(port), ask):
                pass


def test_a_histogram_is_cumulative_with_inclusive_bounds() -> None:
    durations = Histogram((0.01, 0.1))
    for seconds, times in ((0.01, 2), (0.011, 1), (5.0, 1)):
        durations.add(seconds, times)
    samples = {s.labels.get("le", s.name): s.value for s in histogram("x", "y", durations).samples}
    assert (samples["0.01"], samples["0.1"], samples["+Inf"]) == (2, 3, 4)
    assert samples["x_sum"] == pytest.approx(5.031)


def test_a_family_with_a_label_has_a_figure_for_each_of_its_values() -> None:
    family = filled(GaugeMetricFamily("manyi_waiting", "By lane", labels=["lane"]), [("live", 2), ("backlog", 0.5)])
    assert [(sample.labels, sample.value) for sample in family.samples] == [
        ({"lane": "live"}, 2),
        ({"lane": "backlog"}, 0.5),
    ]
    assert [(sample.name, sample.value) for sample in counter("manyi_presses", "Counted", 3).samples] == [
        ("manyi_presses_total", 3)
    ]


@pytest.mark.parametrize(("error", "known"), [(None, 0), (0, 1), (250, 1)])
def test_a_clock_error_is_told_only_where_the_time_is_known(error: int | None, known: int) -> None:
    status = NodeStatus("371721121-a1", "up", clock_error_ms=error, queue=3, oldest_ms=1500)
    told = {f.name: f.samples[0].value for f in of_a_hop("edge", status, Lanes(), Histogram(), readable=True)}
    assert told["manyi_edge_clock_known"] == known
    assert ("manyi_edge_clock_error_seconds" in told) is (error is not None)
    assert (told["manyi_edge_waiting_ratings"], told["manyi_edge_oldest_seconds"]) == (3, 1.5)


def test_what_only_an_unreadable_disk_knows_is_left_out_and_the_rest_told() -> None:
    status = NodeStatus("371721121-a1", "up", queue=3, disk_free=7)
    readable, not_ = (
        {f.name: f.samples[0].value for f in of_a_hop("edge", status, Lanes(), Histogram(), readable=readable)}
        for readable in (True, False)
    )
    assert (readable["manyi_edge_disk_readable"], not_["manyi_edge_disk_readable"]) == (1, 0)
    assert readable.keys() - not_.keys() == {"manyi_edge_oldest_seconds"}
    assert (not_["manyi_edge_waiting_ratings"], not_["manyi_edge_disk_free_bytes"]) == (3, 7)


def test_all_that_a_hop_tells() -> None:
    status = NodeStatus("371721121-a1", "up", queue=3, oldest_ms=1500, disk_free=7, full=True, clock_error_ms=250)
    lanes, commits = Lanes(), Histogram((0.01, 0.1))
    lanes.unanswered = 4
    commits.add(0.05, 2)
    families = {family.name: family for family in of_a_hop("edge", status, lanes, commits, readable=True)}
    assert {name: family.type for name, family in families.items()} == {
        **dict.fromkeys((f"manyi_edge_{name}" for name in ("waiting_ratings", "oldest_seconds", "full")), "gauge"),
        **dict.fromkeys((f"manyi_edge_disk_{name}" for name in ("readable", "free_bytes")), "gauge"),
        "manyi_edge_clock_known": "gauge",
        "manyi_edge_clock_error_seconds": "gauge",
        "manyi_edge_resends": "counter",
        "manyi_edge_commit_seconds": "histogram",
        "manyi_build_info": "gauge",
    }
    assert [
        (sample.name.removeprefix("manyi_edge_"), sample.labels, sample.value)
        for family in families.values()
        for sample in family.samples
    ] == [
        ("waiting_ratings", {}, 3),
        ("disk_readable", {}, True),
        ("oldest_seconds", {}, 1.5),
        ("disk_free_bytes", {}, 7),
        ("full", {}, True),
        ("clock_known", {}, True),
        ("clock_error_seconds", {}, 0.25),
        ("resends_total", {}, 4),
        ("commit_seconds_bucket", {"le": "0.01"}, 0),
        ("commit_seconds_bucket", {"le": "0.1"}, 2),
        ("commit_seconds_bucket", {"le": "+Inf"}, 2),
        ("commit_seconds_count", {}, 2),
        ("commit_seconds_sum", {}, 0.1),
        ("manyi_build_info", {"version": __version__}, 1),
    ]
    assert all(family.documentation for family in families.values())
