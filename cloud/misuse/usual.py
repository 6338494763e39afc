"""Rules that compare a window's day with its own earlier days: bursts, and silence in office hours. Pure.

What is usual is the rate of ratings in each half hour of the day, over the earlier days on which the office was open
then. A window is only ever measured by itself: a village of five ratings a day is as usual as a hall of five hundred.
"""

from collections.abc import Iterator, Sequence
from math import exp, lgamma, log
from statistics import median

from cloud.hours.rules import Span
from cloud.misuse.diary import SLOT_MS, Diary, Finding, Marks, Stay, stretches
from cloud.misuse.policy import Burst, Silence
from cloud.misuse.sight import Seen


class Usual:
    """A window's rate by the half hour, from its earlier open days `stays`."""

    def __init__(self, stays: Sequence[Stay]) -> None:
        self.stays = stays
        counts: dict[int, int] = {}
        open_ms: dict[int, int] = {}
        for stay in stays:
            for slot, count in stay.counts.items():
                counts[slot] = counts.get(slot, 0) + count
            for begin, end in stay.office.open:
                for slot, overlap in _slots(begin, end, stay.start):
                    open_ms[slot] = open_ms.get(slot, 0) + overlap
        self._rate = {slot: counts[slot] / open_ms[slot] for slot in counts}

    def expected(self, begin: int, end: int, stay: Stay) -> float:
        """Return how many ratings are usual from `begin` to `end` (ms) in the open hours of `stay`."""
        return sum(
            overlap * self._rate.get(slot, 0.0)
            for low, high in stay.office.open
            for slot, overlap in _slots(max(begin, low), min(end, high), stay.start)
        )


def usual(diary: Diary, window: str, day: str) -> Usual:
    """Return what is usual at `window` before `day`: open days since its first rating, but for silent ones just before.

    A silence that goes on must not become usual by itself.
    """
    stays = [diary.stay(window, before) for before in diary.earlier(day)]
    known = [stay for stay in stays if stay.office.open]
    with_ratings = [index for index, stay in enumerate(known) if stay.ratings]
    return Usual(known[with_ratings[0] : with_ratings[-1] + 1] if with_ratings else ())


def bursts(stay: Stay, before: Usual | None, policy: Burst) -> Iterator[Finding]:
    """Find more ratings than can be served, or than are usual; without `before` only the former."""
    ratings, span = stay.ratings, policy.span_s * 1000
    known = before if before is not None and _days_with_ratings(before) >= policy.days else None
    busiest: float | None = None
    crowded = Marks(len(ratings))
    begin = 0
    for end, one in enumerate(ratings):
        while one.at - ratings[begin].at >= span:
            begin += 1
        count = end + 1 - begin
        served = count * policy.service_s <= policy.span_s
        if served and (known is None or count < policy.least):
            continue
        if known and busiest is None:
            busiest = median(_most(one.ratings, span) for one in known.stays)
        if served and count <= policy.times * (busiest or 0):
            continue
        # What came in closed hours has no usual rate, and a rule of its own.
        mean = known.expected(one.at - span, one.at, stay) if known else 0.0
        if served and (mean == 0.0 or _tail(count, mean) >= policy.chance):
            continue
        crowded.span(begin, end)
    for first, last in stretches(crowded.marked):
        chosen = ratings[first : last + 1]
        figures: dict[str, float | str] = {"most_in_a_span": _most(chosen, span), "span_s": policy.span_s}
        if known:
            figures["usual_in_it"] = round(known.expected(chosen[0].at, chosen[-1].at, stay), 2)
            figures["usual_busiest"] = float(busiest or 0)
        yield Finding("burst", chosen[0].window, chosen[0].at, chosen[-1].at, chosen, figures)


def silences(diary: Diary, window: str, day: str, before: Usual, policy: Silence) -> Iterator[Finding]:
    """Find open hours without a rating that are improbable at the window's own rate; a silence may span days."""
    stay = diary.stay(window, day)
    days = before.stays
    idle = sum(not one.ratings for one in days)
    if len(days) < policy.days or idle > policy.idle * len(days):
        return
    last, carried = _since_the_last(diary, window, day, before)
    moments = [(one.at, one.at) for one in stay.ratings]
    begins = [(last, carried), *((at, 0.0) for at, _ in moments)]
    ends = [*(at for at, _ in moments), diary.calendar.end(day)]
    for (begin, so_far), end in zip(begins, ends, strict=True):
        here = before.expected(max(begin, stay.start), end, stay)
        missed = so_far + here
        if here > 0 and exp(-missed) < policy.chance and diary.has_window(window, end - 1):
            # People do not come as evenly as a Poisson stream: who was kept waiting on other days is not at noon.
            longest = _usually_missed(before)
            if missed <= policy.times * longest:
                continue
            shown = _clipped(begin, end, stay.office.open)
            figures = {
                "usual_in_it": round(missed, 1),
                "probability": float(f"{exp(-missed):.1e}"),
                "usual_longest": round(longest, 1),
            }
            yield Finding("silence", window, shown[0], shown[1], (), figures)


def _since_the_last(diary: Diary, window: str, day: str, before: Usual) -> tuple[int, float]:
    """Return when the last rating before `day` was, and how many are usual in the open hours from there to `day`."""
    missed = 0.0
    for earlier in diary.earlier(day):
        stay = diary.stay(window, earlier)
        if stay.ratings:
            at = stay.ratings[-1].at
            return at, missed + before.expected(at, diary.calendar.end(earlier), stay)
        missed += before.expected(stay.start, diary.calendar.end(earlier), stay)
    return diary.calendar.start(day), 0.0


def _usually_missed(before: Usual) -> float:
    """Return how many ratings are usual in the longest silence of a day: what nine of ten earlier days stay below."""
    longest = []
    for stay in before.stays:
        begins = [stay.start, *(one.at for one in stay.ratings)]
        ends = [*begins[1:], stay.office.open[-1][1]]
        longest.append(max(before.expected(begin, end, stay) for begin, end in zip(begins, ends, strict=True)))
    return sorted(longest)[int(0.9 * (len(longest) - 1))]


def _clipped(begin: int, end: int, spans: Sequence[Span]) -> Span:
    """Return (begin, end) without what lies after the last open moment of the day."""
    return begin, min(end, spans[-1][1])


def _slots(begin: int, end: int, start: int) -> Iterator[tuple[int, int]]:
    """Yield each half hour of the day that began at `start` which `begin` to `end` touches, and for how long (ms)."""
    at = begin
    while at < end:
        slot = (at - start) // SLOT_MS
        until = min(end, start + (slot + 1) * SLOT_MS)
        yield slot, until - at
        at = until


def _most(ratings: Sequence[Seen], span: int) -> int:
    """Return how many ratings fall into the busiest `span` (ms)."""
    begin = most = 0
    for end, one in enumerate(ratings):
        while one.at - ratings[begin].at >= span:
            begin += 1
        most = max(most, end + 1 - begin)
    return most


def _days_with_ratings(before: Usual) -> int:
    return sum(1 for stay in before.stays if stay.ratings)


def _tail(count: int, mean: float) -> float:
    """Return the probability of `count` or more where `mean` are expected (Poisson)."""
    term = exp(count * log(mean) - mean - lgamma(count + 1))
    total = 0.0
    while term > total * 1e-15:
        total += term
        count += 1
        term *= mean / count
    return min(1.0, total)
