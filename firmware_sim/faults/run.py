"""One run of the fault simulator: a city with people in it is opened, struck as planned, brought to rest and judged."""

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from rich.console import Console

from firmware_sim.box import Order
from firmware_sim.children import ChildDied
from firmware_sim.evidence import gather
from firmware_sim.faults.breach import BREACHES, SHOWN, way
from firmware_sim.faults.city import FaultyCity
from firmware_sim.faults.effect import Fault, NoEffect
from firmware_sim.faults.kinds import KINDS
from firmware_sim.faults.lines import ingest_line, nodes_line, reception_line, uplink_line
from firmware_sim.faults.plan import Strike, draw
from firmware_sim.faults.report import Report, Struck
from firmware_sim.premises import Habits
from firmware_sim.servers.daemon import ServerError, free_port
from firmware_sim.siege import under_siege
from transport.boot import wall_ms

# Three townships, busy enough that every strike of some seconds meets ratings on their way.
_WINDOWS, _TOWNSHIPS, _PER_S = 24, 3, 8.0
QUICK = Habits(settle_s=0.1, cooldown_s=0.2, heartbeat_s=2.0, least=1)
_WARM_UP_S = 2.0
# A strike that has not healed after so long, and so many times its time on a quiet machine, does not heal.
_LONGEST_S = 360.0
_LONGEST_TIMES = 10
_HEALED_S = 15.0
# A slow machine has so many times the minutes that were asked for to strike as often as a quick one.
_SLOW_TIMES = 2
# Nobody has had anything to send for so long: the hello of every minute has found nothing more either.
_STILL_S = 65.0
# Where a law is broken that hello must not mend what should not have been.
_STILL_BROKEN_S = 8.0
# Whoever has something to send for so many times longer never gets rid of it.
_LONGEST_REST_TIMES = 4
_LEAVE_S = 20.0
_LOOK_S = 1.0


class Options(NamedTuple):
    """As on the command line. `only`: these kinds; none means all. `breach`: a law to break. `keep`: a new folder."""

    seed: int = 1
    minutes: float = 5.0
    as_json: bool = False
    only: Sequence[str] = ()
    breach: str | None = None
    keep: Path | None = None


def run(options: Options) -> int:
    """Play it: 0 if every fault had its effect and no law was broken, 1 if not, 2 if it cannot begin."""
    console = Console(stderr=True)
    for what, asked, there in (("fault", options.only, KINDS), ("law", _one(options.breach), SHOWN)):
        if unknown := [name for name in asked if name not in there]:
            console.print(f"no such {what}: {', '.join(unknown)}; there are: {', '.join(there)}", soft_wrap=True)
            return 2
    report: Report | None = None

    def tell(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    with _folder(options.keep) as folder:
        try:
            report = asyncio.run(play(options, folder, tell=tell))
        except* (ChildDied, ServerError) as ended:
            tell(f"seed {options.seed}: {_first(ended)}")
    if report is None:
        return 1
    print(json.dumps(report.as_json(), ensure_ascii=False) if options.as_json else "\n".join(report.lines()))  # noqa: T201
    return 0 if report.clean else 1


async def play(options: Options, folder: Path, *, tell: Callable[[str], None]) -> Report:
    """Play it in `folder`; `tell` is called with a line for every strike."""
    kinds = {kind: fault for kind, fault in KINDS.items() if not options.only or kind in options.only}
    breach = BREACHES[options.breach] if options.breach else None
    first = [kind for kind in (breach.kinds if breach else ()) if kind in kinds]
    seconds = {kind: fault.seconds for kind, fault in kinds.items()}
    strikes = draw(options.seed, options.minutes, seconds, first=first)
    order = Order(_WINDOWS, _TOWNSHIPS, options.seed, _PER_S, free_port(), QUICK)
    sabotage = {child: way(options.breach) for child in breach.children} if breach and options.breach else {}

    def plan(group: asyncio.TaskGroup) -> FaultyCity:
        return FaultyCity(order, folder / "city", group, wall_ms=wall_ms, sabotage=sabotage)

    async with under_siege(plan) as siege:
        await asyncio.sleep(_WARM_UP_S)
        struck = await _strike_all(siege.box, options, strikes, kinds, tell)
        await _settle(siege.box, _STILL_BROKEN_S if breach else _STILL_S)
    return Report(
        options.seed,
        options.minutes,
        len(strikes),
        tuple(struck),
        (siege.evidence, *siege.box.others),
        tuple(siege.box.cuts.changed),
        options.breach,
    )


async def _strike_all(
    city: FaultyCity,
    options: Options,
    strikes: Sequence[Strike],
    kinds: Mapping[str, Fault],
    tell: Callable[[str], None],
) -> list[Struck]:
    begin, struck = monotonic(), list[Struck]()
    stretches = [line(city) for line in (nodes_line, reception_line, uplink_line, ingest_line)]
    whole = [stretch.standing for stretch in stretches]

    def healed() -> bool:
        return all(stretch.standing >= stood for stretch, stood in zip(stretches, whole, strict=True))

    for strike in strikes:
        # What is still parted by the strike before has nothing left to be hurt.
        await city.until(healed, within_s=_HEALED_S)
        at_s = monotonic() - begin
        if at_s > options.minutes * 60 * _SLOW_TIMES:
            break  # the report says how many were planned
        fault = kinds[strike.kind]
        longest_s = max(_LONGEST_S, _LONGEST_TIMES * fault.seconds)
        try:
            async with asyncio.timeout(longest_s):
                effect, why = await fault.strike(city, strike.random(options.seed)), ""
        except NoEffect as nothing:
            effect, why = None, str(nothing)
        except TimeoutError:
            effect, why = None, f"it had not ended after {longest_s:.0f} s"
        struck.append(Struck(*strike, round(at_s, 1), round(monotonic() - begin - at_s, 1), effect, why))
        said = f"{effect.target}: {effect.observed}" if effect else f"NO EFFECT: {why}"
        tell(f"{at_s:6.1f} s  {strike.kind}: {said}")
    return struck


async def _settle(city: FaultyCity, still_s: float) -> None:
    """Wait until the verdict on what is there already is clean, or nobody has had anything to send for `still_s`."""
    await city.hush(within_s=_LEAVE_S)
    begin = busy_at = monotonic()
    before = -1
    while monotonic() < min(busy_at + still_s, begin + _LONGEST_REST_TIMES * still_s):
        verdict = gather(city.log, city.premises.database, wall=None, allowed=city.allowed)
        if verdict.clean:
            return
        if verdict.ledger != before or city.bulletin.waiting:
            busy_at, before = monotonic(), verdict.ledger
        await asyncio.sleep(_LOOK_S)


def _one(word: str | None) -> list[str]:
    return [word] if word else []


def _first(failure: BaseException) -> BaseException:
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="manyi-faults-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    else:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
