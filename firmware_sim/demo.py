"""`manyi demo`: the city in a box with people in it, and at the end the proof that it counted right."""

import asyncio
import json
import signal
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import httpx
from rich.console import Console

from firmware_sim.box import Box, Order, Records
from firmware_sim.children import ChildDied
from firmware_sim.cityplan import usual_townships
from firmware_sim.delays import Spread, until_seen
from firmware_sim.evidence import contradictions, gather
from firmware_sim.fingerlog import Follower, read
from firmware_sim.ground import Ground
from firmware_sim.narrator import Narrator
from firmware_sim.options import Options, Unusable, check_new, check_townships, port_of
from firmware_sim.outcome import Outcome, Scene
from firmware_sim.premises import USUAL
from firmware_sim.servers.daemon import ServerError
from firmware_sim.servers.influx import Influx
from firmware_sim.servers.postgres import Postgres
from transport.boot import boottime_ms, wall_ms

ZONE = "Asia/Shanghai"
# One visit to each window so often: 300 windows make 20 ratings a second.
_BETWEEN_VISITS_S = 15.0
_LOOK_S = 0.5


class Patience(NamedTuple):
    """How long the end may take, s: until the last visitors leave, and what is lit is on the wall and in the series."""

    leave_s: float
    drain_s: float
    feed_s: float


UNHURRIED = Patience(10.0, 15.0, 15.0)
# Whoever pressed Ctrl-C waits less than 3 s in all, and a little longer where servers are to be asked.
HURRIED = Patience(1.1, 0.3, 5.0)


def run(options: Options) -> int:
    """Play the demo: 0 if all is proven, 1 if not or if a part died, 2 if it could not begin, 130 if stopped before."""
    console = Console(stderr=True)
    try:
        port = port_of(options.port)
        check_townships(options)
        check_new(options.keep)
        if options.series == "influx":
            Influx.check_installed()
        if options.db == "postgres":
            Postgres.check_installed()
    except (Unusable, ServerError) as wrong:
        console.print(str(wrong), highlight=False, soft_wrap=True)
        return 2
    with _folder(options.keep) as folder:
        demo = Demo(options, port, folder, Narrator(console))
        failures: list[str] = []
        try:
            asyncio.run(demo.play())
        except* (ChildDied, ServerError) as ended:
            failures = [str(failure) for failure in _leaves(ended)]
        if failures and not demo.given_up:
            console.print("\n".join(failures), highlight=False, markup=False, soft_wrap=True)
            return 1
        if demo.played is None:
            return 128 + signal.SIGINT
        return _tell(demo.outcome(*demo.played), as_json=options.as_json)


def _tell(outcome: Outcome, *, as_json: bool) -> int:
    said = [json.dumps(outcome.as_json())] if as_json else outcome.lines()
    print(*said, sep="\n", flush=True)  # noqa: T201  (what was asked for)
    return 0 if outcome.green else 1


class Demo:
    """One performance. `played` is what it was and what it left behind; None until it was played to its end."""

    def __init__(self, options: Options, port: int, folder: Path, narrator: Narrator) -> None:
        """Prepare it in `folder`, which is empty."""
        self.played: tuple[Scene, Records] | None = None
        self._options = options
        self._port = port
        self._folder = folder
        self._narrator = narrator
        self._enough = asyncio.Event()
        self._opened = False
        self._box: Box
        self._drift: list[str] = []

    async def play(self) -> None:
        """Open the city, let people press, and close it; `ChildDied` in a group where a part of it ends by itself."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._enough.set)
        windows = self._options.windows
        order = Order(
            windows=windows,
            townships=self._options.townships or usual_townships(windows),
            seed=self._options.seed,
            per_s=windows / _BETWEEN_VISITS_S,
            http=self._port,
            habits=USUAL,
        )
        async with asyncio.TaskGroup() as group:
            options = self._options
            ground = Ground.of_one_broker(
                self._folder, postgres=options.db == "postgres", influx=options.series == "influx"
            )
            self._box = box = Box(order, self._folder, group, wall_ms=wall_ms, ground=ground)
            try:
                self._opened = await self._unless_enough(group, self._open())
                if self._opened:
                    seconds = await self._let_people_press()
                    await self._settle(UNHURRIED if not self._enough.is_set() else HURRIED)
                    with self._narrator.stage("closing gateways and cloud"):
                        await box.close_houses()
                    self.played = self._scene(order, seconds), await self._records()
            finally:
                with self._narrator.stage("closing what is open"):
                    await box.close()

    @property
    def given_up(self) -> bool:
        """Whether it was stopped before it was open; a house that was being started then may have died of the same."""
        return self._enough.is_set() and not self._opened

    def outcome(self, scene: Scene, records: Records) -> Outcome:
        """Judge what was played, from what is on disk and what the onlooker saw."""
        box = self._box
        with self._narrator.stage("comparing the fingers' log with the ledger"):
            verdict = gather(box.log, records.database, wall=box.onlooker.total)
            lights = [entry.at for entry in read(box.log) if entry.kind == "lit"]
        return Outcome(
            verdict=verdict,
            scene=scene,
            latency=Spread.of(verdict.delays),
            wall_latency=Spread.of(until_seen(lights, box.onlooker.sightings)),
            drift=tuple(self._drift),
            contradictions=(*contradictions(records.database, ZoneInfo(ZONE)), *records.series),
        )

    def _scene(self, order: Order, seconds: float) -> Scene:
        return Scene(
            windows=order.windows,
            townships=order.townships,
            nodes=sum(len(township.nodes) for township in self._box.plan),
            seconds=seconds,
            seed=order.seed,
            broker=self._box.ground.broker.name,
            db=self._options.db,
            series=self._options.series,
        )

    async def _records(self) -> Records:
        if self._options.db == "sqlite" and self._options.series == "embedded":
            return await self._box.take_records()
        with self._narrator.stage("asking the database and the series what they hold"):
            return await self._box.take_records()

    async def _open(self) -> None:
        stage, box, options = self._narrator.stage, self._box, self._options
        on = f"broker {box.ground.broker.name}, database {options.db}, series {options.series}"
        with stage(f"laying out {options.windows} windows in {len(box.plan)} townships, {on}"):
            await box.lay_foundation()
        with stage("opening the city"):
            await box.open_city()
        self._narrator.say(f"the wall: [bold]{box.wall('wall')}[/]  from 8 m: {box.wall('far')}")
        self._narrator.say(f"the desk, for whoever comes first: [bold]{await box.first_link()}[/]")
        with stage(f"opening {len(box.plan)} gateways"):
            await box.open_townships()
        with stage(f"opening {self._options.windows} windows"):
            await box.open_windows()

    async def _let_people_press(self) -> float:
        """Show how it goes until the time is up or somebody has seen enough; return for how many seconds."""
        seconds = self._options.seconds
        begin = boottime_ms()
        follower = Follower(self._box.log)
        newest: dict[str, str] = {}  # by window: whoever is or was there last
        pressed = lit = 0
        until = f" of {seconds:,.0f} s" if seconds is not None else ", Ctrl-C stops"
        with self._narrator.stage("people press"):
            while not self._enough.is_set():
                spent = (boottime_ms() - begin) / 1000
                left = _LOOK_S if seconds is None else min(_LOOK_S, seconds - spent)
                if left <= 0:
                    break
                for entry in follower.news():
                    pressed += newest.get(entry.window) != entry.id
                    newest[entry.window] = entry.id
                    lit += entry.kind == "lit"
                self._narrator.figures(
                    f"people press: {pressed:,} choices, {lit:,} lights, "
                    f"{self._box.onlooker.total or 0:,} on the wall ({spent:,.0f} s{until})"
                )
                await self._wait_for_enough(left)
        return (boottime_ms() - begin) / 1000

    async def _settle(self, patience: Patience) -> None:
        """Let the last visitors leave, and everything that is lit come to the wall."""
        box = self._box
        with self._narrator.stage("the last visitors leave, the last ratings arrive"):
            await box.hush(within_s=patience.leave_s)
            await self._drain(patience.drain_s)
        with self._narrator.stage("closing the windows"):
            await box.close_windows()
            await self._drain(patience.drain_s)  # a choice can settle while its node stops
            await box.feed_series(within_s=patience.feed_s)
            try:
                self._drift = await box.onlooker.drift()
            except httpx.HTTPError as bad:
                self._drift = [f"no picture: {bad}"]

    async def _drain(self, within_s: float) -> None:
        lit = sum(entry.kind == "lit" for entry in read(self._box.log))
        await self._box.onlooker.wait_for(lit, within_s=within_s)

    async def _unless_enough(self, group: asyncio.TaskGroup, work: Coroutine[None, None, None]) -> bool:
        """Do `work` to its end, unless somebody has seen enough before."""
        working = group.create_task(work, name="opening")
        watching = group.create_task(self._enough.wait(), name="enough")
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        done = working.done()
        working.cancel()
        watching.cancel()
        await asyncio.wait({working, watching})
        return done

    async def _wait_for_enough(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._enough.wait()
        except TimeoutError:
            return


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="manyi-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    else:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for failure in group.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            yield from _leaves(failure)
        else:
            yield failure
