"""What a demo ended with, as figures for a person and as JSON for a machine. Pure."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from firmware_sim.delays import Spread
from firmware_sim.verdict import Verdict


class Scene(NamedTuple):
    """What was played: how many of what, for how many seconds people could press, on which servers."""

    windows: int
    townships: int
    nodes: int
    seconds: float
    seed: int
    broker: str
    db: str = "sqlite"
    series: str = "embedded"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a demo.

    `latency`: from a light to the city's taking the rating, which is just before its commit (`received_at`).
    `wall_latency`: from a light to a stream client's having it. `drift`: places whose figures, merged from what the
    stream said, differed from a whole picture at the end. `contradictions`: the city's tallies that its own ledger does
    not give.
    """

    verdict: Verdict
    scene: Scene
    latency: Spread
    wall_latency: Spread
    drift: tuple[str, ...]
    contradictions: tuple[str, ...]

    @property
    def green(self) -> bool:
        """Return whether every light is in the ledger, in the tallies and on the wall, once, and nothing else is."""
        said = self.verdict
        equal = said.settled == said.ledger == said.tallies == said.wall
        return said.clean and equal and said.settled > 0 and not (self.drift or self.contradictions)

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name; latencies in ms."""
        figures = asdict(self.verdict)
        del figures["delays"]
        return {
            "ok": self.green,
            **figures,
            "latency_ms": self.latency._asdict(),
            "wall_latency_ms": self.wall_latency._asdict(),
            "drift": list(self.drift),
            "contradictions": list(self.contradictions),
            **self.scene._asdict(),
        }

    def lines(self) -> list[str]:
        """Return the figures for a person."""
        said, scene = self.verdict, self.scene
        wall = "nothing" if said.wall is None else f"{said.wall:,}"
        told = [
            f"{said.pressed:,} choices pressed in {scene.seconds:,.0f} s at {scene.windows:,} windows",
            f"{said.settled:,} lights, {said.ledger:,} in the ledger, {said.tallies:,} tallied, {wall} on the wall",
            f"lost {said.lost}, twice {said.twice}, misdated {said.misdated}, altered {said.altered}",
        ]
        if self.latency.p50 is not None:
            told.append(f"light to city: median {self.latency.p50} ms, 99 % within {self.latency.p99} ms")
        if self.wall_latency.p50 is not None:
            told.append(f"light to wall: median {self.wall_latency.p50} ms, 99 % within {self.wall_latency.p99} ms")
        if scene.series == "influx" and not self.contradictions:
            told.append("the series holds what the ledger does, up to its last position")
        if not self.green:
            drift = (f"the stream's figures differ: {place}" for place in self.drift)
            told += ["NOT CLEAN", *said.examples, *drift, *self.contradictions]
        return told
