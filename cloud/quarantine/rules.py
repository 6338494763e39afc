"""What is kept of refused input, so that a flood of it fills neither memory nor disk. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from contract.bundle import MAX_PAYLOAD, digest
from contract.errors import Reason

# Of one township in one hour so many are kept one by one; the rest is counted under its reason.
KEPT_AN_HOUR = 100
# So many, the newest of all, keep their bytes.
BYTES_KEPT = 500
HOUR_MS = 3_600_000
DETAIL_LENGTH = 300
MORE = "more than are kept one by one in an hour"


class Poison(NamedTuple):
    """One refused input: an entry of a bundle, or a whole payload. `raw` may be cut; `size` and `digest` are of all."""

    township: str
    node: str
    reason: Reason
    detail: str
    digest: str
    size: int
    raw: bytes | None


class Line(NamedTuple):
    """One row to add to the quarantine: `times` like inputs within the `hour` (ms since 1970 // 3600000)."""

    hour: int
    township: str
    reason: str
    digest: str
    at: int
    node: str
    detail: str
    size: int
    raw: bytes | None
    times: int


def poison(township: str, node: str, reason: Reason, detail: str, raw: bytes) -> Poison:
    """Refused input with its bytes cut to what a payload may have."""
    return Poison(township, node, reason, printable(detail), digest(raw), len(raw), raw[:MAX_PAYLOAD])


def printable(detail: str) -> str:
    """`detail` as text that any screen and any database takes: what strangers sent may be quoted in it."""
    clean = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in detail[:DETAIL_LENGTH])
    return clean.encode("utf-8", "backslashreplace").decode()[:DETAIL_LENGTH]


def lines(
    poisons: Iterable[Poison], at: int, kept: Mapping[str, int], known: Iterable[tuple[str, str, str]]
) -> list[Line]:
    """The rows to add at `at` (ms).

    `kept` tells how many rows each township has this hour, `known` which (township, reason, digest) are among them:
    those are counted there. Beyond `KEPT_AN_HOUR` a row's digest is "" and it stands for all of its reason.
    """
    hour = at // HOUR_MS
    room = {township: KEPT_AN_HOUR - count for township, count in kept.items()}
    there = set(known)
    made: dict[tuple[str, str, str], Line] = {}
    for bad in poisons:
        key = (bad.township, bad.reason.value, bad.digest)
        line = Line(hour, *key, at, bad.node, bad.detail, bad.size, bad.raw, 0)
        if key not in made and key not in there:
            left = room.get(bad.township, KEPT_AN_HOUR)
            room[bad.township] = left - 1
            if left <= 0:
                key = (bad.township, bad.reason.value, "")
                line = Line(hour, *key, at, "", MORE, 0, None, 0)
        before = made.get(key, line)
        made[key] = before._replace(times=before.times + 1)
    return list(made.values())
