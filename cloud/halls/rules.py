"""What each township's hall is told, made of what the city knows. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from cloud.halls.document import SIGNED, Document, notices_at
from cloud.registry.snapshot import Registry
from contract.batch import MAX_NUMBER
from contract.codec import encode
from contract.hall import MAX_DUTIES, MAX_HALL, MAX_NAME, MAX_WINDOWS, Hall, Notice, OnDuty, Plate
from contract.identity import township_of
from contract.veil import Veil

# Duties that begin later than this are told later: a hall that is cut off for longer shows none.
HORIZON_MS = 48 * 3_600_000


class Common(NamedTuple):
    """What all halls of a city have in common."""

    zone: str
    veil: Veil
    least: int
    site: str


def halls(
    registry: Registry,
    document: Document,
    duties: Iterable[OnDuty],
    common: Common,
    *,
    townships: Collection[str],
    now: int,
) -> Iterator[Hall]:
    """Yield the hall of each of `townships` at `now` (ms), without a version and without the key of its codes."""
    plates = {plate.window: plate for plate in document.plates}
    windows: defaultdict[str, list[Plate]] = defaultdict(list)
    for window in sorted(registry.windows_at(now)):
        windows[township_of(window)].append(plates.get(window, Plate(window)))
    served: defaultdict[str, list[OnDuty]] = defaultdict(list)
    for duty in duties:
        served[township_of(duty.window)].append(replace(duty, zh=named(duty.zh), en=named(duty.en)))
    for township in sorted(townships):
        place = registry.places.get(township)
        yield Hall(
            township,
            0,
            named(township if place is None else place.zh),
            named(township if place is None else place.en),
            common.zone,
            common.veil,
            common.least,
            windows[township][:MAX_WINDOWS],
            served[township][:MAX_DUTIES],
            [notice for notice in notices_at(document, township) if _lasts(notice, now)],
            common.site,
        )


def fitted(hall: Hall) -> Hall:
    """Return as much of `hall` as its paper may hold: duties go before windows, and of each the last ones."""
    while hall.duties and _size(hall) > MAX_HALL:
        hall = replace(hall, duties=hall.duties[: len(hall.duties) // 2])
    while len(hall.windows) > 1 and _size(hall) > MAX_HALL:
        hall = replace(hall, windows=hall.windows[: len(hall.windows) * 3 // 4])
    return hall


def named(name: str) -> str:
    """Return `name` as a paper may hold it: what is too long for a screen would be refused with all the rest."""
    return name[:MAX_NAME] or "-"


def _lasts(notice: Notice, now: int) -> bool:
    return notice.until is None or notice.until > now


def _size(hall: Hall) -> int:
    return len(encode(replace(hall, version=MAX_NUMBER))) + SIGNED
