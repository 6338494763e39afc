"""Buckets as they are and without what is flagged, and what of a few flagged ratings may be seen. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from cloud.series.rules import OTHERS, VEIL_MS, Bucket, Scale, Veil, buckets
from proof.scores import Counts


class Pair(msgspec.Struct, frozen=True):
    """One span of time from `at` (ms) on: `raw`, as it counts, and `filtered`, without the `flagged` ratings.

    Where one rating, or a few, could be told from the difference of the two, `filtered` shows its count alone until an
    hour has passed.
    """

    at: int
    raw: Bucket
    filtered: Bucket
    flagged: int


class SideBySide(msgspec.Struct, frozen=True):
    """A place's ratings by `by`, oldest first, without gaps, raw and filtered; the last span holds `until` (ms).

    `raw` is what counts: a flag takes nothing from it. `version` is the policy's that flags are made by.
    """

    place: str
    by: Scale
    zone: str
    until: int
    version: str
    spans: list[Pair]


def less(n: Counts, flagged: Counts) -> Counts:
    """Return the counts `n` without the `flagged` among them."""
    return max(0, n[0] - flagged[0]), max(0, n[1] - flagged[1]), max(0, n[2] - flagged[2])


def pairs(
    firsts: list[int],
    raw: Mapping[int, Counts],
    flagged: Mapping[int, Counts],
    estimated: Mapping[int, int],
    *,
    now: int,
    veil: Veil,
) -> Sequence[Pair]:
    """Return both sides of each span that begins in `firsts`; `estimated` and `veil` as in `cloud.series.rules`.

    What is estimated is never flagged, so it stands on both sides.
    """
    none = (0, 0, 0)
    rest = {at: less(raw.get(at, none), flagged.get(at, none)) for at in firsts}
    found = []
    ends = [*firsts[1:], None]
    sides = [buckets(firsts, counts, estimated, now=now, veil=veil) for counts in (raw, rest)]
    for one, other, end in zip(*sides, ends, strict=True):
        few = 0 < one.count - other.count <= OTHERS
        fresh = end is None or end + VEIL_MS > now
        # What is hidden on one side must not follow from the other.
        hidden = (few and fresh) or (one.n is None and one.count > 0)
        shown = msgspec.structs.replace(other, n=None, score=None) if hidden else other
        found.append(Pair(one.at, one, shown, one.count - other.count))
    return found
