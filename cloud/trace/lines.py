"""Reading the steps of one number out of JSON logs. Pure but for what iterates."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from cloud.trace.facts import Said


class _Line(msgspec.Struct, frozen=True):
    """What `transport.log` and `transport.steps` write, as far as it is read here."""

    time: datetime
    house: str
    who: str
    step: str
    batch: str | None = None
    last: int = 0
    position: int | None = None
    batches: list[str] = []
    lasts: list[int] = []
    positions: tuple[int, int] | None = None
    lane: str | None = None


_DECODER = msgspec.json.Decoder(_Line)


def steps_of(node: str, number: int, lines: Iterable[bytes]) -> Iterator[Said]:
    """The steps that batches of `node` with `number` took; lines that are none of ours are passed over."""
    mark, step = f'"{node}/'.encode(), b'"step":'
    for raw in lines:
        if mark not in raw or step not in raw:
            continue
        try:
            line = _DECODER.decode(raw[raw.index(b"{") :])
        except (msgspec.MsgspecError, ValueError):
            continue
        yield from _in(line, node, number)


def _in(line: _Line, node: str, number: int) -> Iterator[Said]:
    names, lasts = ([line.batch], [line.last]) if line.batch is not None else (line.batches, line.lasts)
    lowest = line.positions[0] if line.positions else line.position
    at = round(line.time.timestamp() * 1000)
    for index, (name, last) in enumerate(zip(names, lasts, strict=False)):
        whose, epoch, first = name.split("/") if name.count("/") == 2 else ("", "", "")  # noqa: PLR2004
        if whose == node and first.isdecimal() and int(first) <= number <= last:
            position = None if lowest is None else lowest + index
            yield Said(line.step, at, line.house, line.who, epoch, int(first), last, line.lane, position)
