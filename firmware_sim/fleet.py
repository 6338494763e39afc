"""Many real edge nodes with their fingers in one loop: `python -m firmware_sim.fleet SPEC.json`, a process of its own.

It says `ready` on stdout when every window is served. On SIGUSR1 nobody comes any more, and `quiet` is said when the
last visitor has left. SIGTERM and SIGINT stop everything; SIGKILL is part of the game.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple, Protocol, Self

import msgspec
from gpiozero.pins.mock import MockFactory

from contract.config import WindowPins
from contract.identity import window_id
from edge.node import Node
from edge.settings import Settings, Timing, read
from firmware_sim.crowd import PROFILES, Press, Temper, tempers, visits
from firmware_sim.finger import PATIENCE_S, Ending, Finger, pins
from firmware_sim.fingerlog import FingerLog
from firmware_sim.puppets import Puppet, Puppets, PuppetWindow
from transport.boot import wall_ms
from transport.keys import read_key
from transport.log import set_up

# A person steps up this long after the window would take a press again.
_STEP_UP_S = 0.1
# Long enough for a finger to write down the light it has just seen.
_LAST_LOOK_S = 0.05
_WAITERS = 64


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a fleet is made of; paths are absolute or relative to the working folder.

    `nodes`: settings files as `manyi edge run` takes them; `puppets`: the same, played without pins. `log`: the
    fingers' log, appended to. `per_s`: visits a second of all windows together at the busiest hour of `profile`.
    `begin_s`: virtual time of the day at the start. `patience_s`: how long a finger waits for its light.
    """

    nodes: list[str]
    log: str
    puppets: list[str] = []
    seed: int = 1
    per_s: float = 20.0
    profile: Literal["always", "office"] = "always"
    begin_s: float = 0.0
    patience_s: float = PATIENCE_S


class Fleet:
    """`run` until `stop`; `say` is called with "ready" and "quiet"."""

    def __init__(
        self, spec: Spec, log: FingerLog, *, run_name: str, wall_ms: Callable[[], int], say: Callable[[str], None]
    ) -> None:
        """Prepare; `run_name` sets this run's visits apart from others in the log."""
        self._spec = spec
        self._log = log
        self._wall_ms = wall_ms
        self._say = say
        self._run_name = run_name
        self._hushed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._names: Iterator[str] = (f"{run_name}-{number}" for number in count(1))

    def hush(self) -> None:
        """Let nobody new step up; who has pressed waits for the light."""
        self._hushed.set()

    def stop(self) -> None:
        """Make `run` end; a choice that settles meanwhile is still recorded and seen."""
        self._hushed.set()
        self._stopping.set()

    async def run(self) -> None:
        """Start every node, then let people come; ends when stopped, raises when a node does."""
        stations = [_Station.read(Path(path)) for path in self._spec.nodes]
        puppets = [read(Path(path)) for path in self._spec.puppets]
        troupes = [Puppets(puppets, name=f"puppets-{self._run_name}")] if puppets else []
        machines: list[_Machine] = [*(station.node for station in stations), *troupes]
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(machine.run(), name="node") for machine in machines]
            for machine in machines:
                await machine.ready.wait()
            self._say("ready")
            places = [self._real_window(station, wiring) for station in stations for wiring in station.settings.window]
            for puppet in (puppet for troupe in troupes for puppet in troupe.puppets):
                places += [self._puppet_window(puppet, wiring.id) for wiring in puppet.settings.window]
            crowd = tempers(self._spec.seed, [place.window for place in places])
            people = [
                group.create_task(self._people(place, crowd[place.window]), name=f"people at {place.window}")
                for place in places
            ]
            group.create_task(self._tell_when_quiet(people), name="quiet")
            await self._stopping.wait()
            for machine in machines:
                machine.stop()
            await asyncio.wait(running)
            await asyncio.sleep(_LAST_LOOK_S)
            for person in people:
                person.cancel()

    def _real_window(self, station: "_Station", wiring: WindowPins) -> "_Place":
        name = window_id(station.settings.node, wiring.id)
        finger = Finger(
            name,
            wiring,
            station.factory,
            log=self._log,
            random=Random(f"{self._spec.seed}/finger/{name}"),
            wall_ms=self._wall_ms,
            patience_s=self._spec.patience_s,
            closing=self._hushed,
        )
        return _Place(name, station.settings.timing, finger)

    def _puppet_window(self, puppet: Puppet, short: str) -> "_Place":
        name = window_id(puppet.settings.node, short)
        return _Place(name, puppet.settings.timing, PuppetWindow(puppet, name, log=self._log, closing=self._hushed))

    async def _people(self, place: "_Place", temper: Temper) -> None:
        """Let everybody who comes to one window have their turn, one after the other."""
        spec = self._spec
        begin = asyncio.get_running_loop().time() - spec.begin_s
        for visit in visits(
            spec.seed,
            place.window,
            temper,
            per_s=spec.per_s,
            profile=PROFILES[spec.profile],
            begin_s=spec.begin_s,
            settle_s=place.timing.settle_s,
        ):
            if await self._hushed_before(begin + visit.at_s):
                return
            await place.visited.visit(next(self._names), visit.presses)
            free_at = asyncio.get_running_loop().time() + place.timing.cooldown_s + _STEP_UP_S
            if await self._hushed_before(free_at):
                return

    async def _hushed_before(self, when: float) -> bool:
        try:
            async with asyncio.timeout_at(when):
                await self._hushed.wait()
        except TimeoutError:
            return self._hushed.is_set()
        return True

    async def _tell_when_quiet(self, people: Sequence[asyncio.Task[None]]) -> None:
        await asyncio.wait(people)
        self._say("quiet")


class _Station(NamedTuple):
    """A real node and the pins it sits on."""

    settings: Settings
    factory: MockFactory
    node: Node

    @classmethod
    def read(cls, file: Path) -> Self:
        settings = read(file)
        factory = pins()
        return cls(settings, factory, Node(settings, factory=factory, signer=read_key(Path(settings.key))))


class _Machine(Protocol):
    """A node, or many."""

    ready: asyncio.Event

    async def run(self) -> None:
        """Work until stopped."""

    def stop(self) -> None:
        """Make `run` end."""


class _Visited(Protocol):
    """Where a person can press."""

    async def visit(self, name: str, presses: Sequence[Press]) -> Ending:
        """Press, and wait for the light."""


class _Place(NamedTuple):
    """A window, real or not: its city-wide name, its timing, and where to press."""

    window: str
    timing: Timing
    visited: _Visited


async def _serve(spec: Spec) -> None:
    with FingerLog(Path(spec.log)) as log:
        run_name = f"{time.time_ns():x}"  # noqa: TID251  (the composition root)
        fleet = Fleet(spec, log, run_name=run_name, wall_ms=wall_ms, say=lambda word: print(word, flush=True))  # noqa: T201
        loop = asyncio.get_running_loop()
        # Each node waits for its connection's thread at the end; asyncio's own few would make them queue.
        loop.set_default_executor(ThreadPoolExecutor(_WAITERS))
        loop.add_signal_handler(signal.SIGUSR1, fleet.hush)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, fleet.stop)
        await fleet.run()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the fleet of the one file in `argv`; 2 with one line where it cannot be used."""
    try:
        (path,) = sys.argv[1:] if argv is None else argv
        spec = msgspec.json.decode(Path(path).read_bytes(), type=Spec)
    except (ValueError, OSError) as bad:
        sys.stderr.write(f"usage: python -m firmware_sim.fleet SPEC.json: {bad}\n")
        return 2
    set_up("json", house="edge", who="fleet")
    asyncio.run(_serve(spec))
    return 0


if __name__ == "__main__":
    sys.exit(main())
