"""The oracle that every fault test ends with: what fingers saw, against the ledger, the tallies and the wall. Pure.

A lit choice must stand in the ledger exactly once, with the level whose light came on and the time of that press. A
choice that was pressed and never lit may stand there once or not at all. Nothing else may stand there. Ledger rows
carry no visit's name, so rows and choices are paired window by window: a maximum matching that serves lit choices
first, so no pairing could have made the verdict better.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from firmware_sim.fingerlog import Choice

TOLERANCE_MS = 2_000
_EXAMPLES = 10

# Node, epoch, number.
Number = tuple[str, str, int]

Law = Literal["lost", "twice", "misdated", "altered", "strange", "misled"]


class Finding(NamedTuple):
    """One violation, with what it was seen on."""

    law: Law
    text: str


class Row(NamedTuple):
    """A counted rating of the ledger.

    `window`: city-wide name; `at`: of the press, ms since 1970; `slack_ms`: its stated error; `received_at`: when the
    city took it, ms since 1970, None where nobody asked. `bounds`: where `at` is an estimate, the earliest and latest
    that it can be: only outside them it is misdated.
    """

    node: str
    epoch: str
    seq: int
    window: str
    level: int
    at: int
    slack_ms: int = 0
    received_at: int | None = None
    bounds: tuple[int, int] | None = None

    @property
    def span(self) -> tuple[int, int]:
        """When it can have been pressed, first and last."""
        return self.bounds or (self.at - self.slack_ms, self.at + self.slack_ms)


@dataclass(frozen=True, slots=True)
class Verdict:
    """All counts; `clean` says whether the laws held. `wall` is None where nobody watched a wall.

    `pressed`: visits; `settled`: of them lit; `refused`: answered loudly with "full"; `in_flight`: pressed and never
    lit; `surfaced`: those of them found in the ledger. Violations: `lost`: lit and not in the ledger; `twice`: a second
    row for one choice, or one number twice; `misdated`: there, at another time; `altered`: there, with another level;
    `strange`: rows that nobody pressed; `misled`: a light that nobody's press explains. `destroyed` is none: the only
    copy was damaged on purpose, and the node declared it lost. `delays`: of each lit choice found, ms from its light to
    the city's taking it, in no order.
    """

    pressed: int
    settled: int
    refused: int
    in_flight: int
    surfaced: int
    ledger: int
    tallies: int
    wall: int | None
    lost: int
    twice: int
    misdated: int
    altered: int
    strange: int
    misled: int
    destroyed: int = 0
    examples: tuple[str, ...] = ()
    delays: tuple[int, ...] = ()

    @property
    def violations(self) -> int:
        """Return how many laws were broken, choice by choice."""
        return self.lost + self.twice + self.misdated + self.altered + self.strange + self.misled

    @property
    def clean(self) -> bool:
        """Return whether nothing was violated and ledger, tallies and wall say the same number."""
        agree = self.ledger == self.tallies and self.wall in {None, self.ledger}
        return agree and self.violations == 0 and self.ledger + self.destroyed == self.settled + self.surfaced


def judge(
    choices: Iterable[Choice],
    rows: Iterable[Row],
    *,
    tallies: int,
    wall: int | None,
    tolerance_ms: int = TOLERANCE_MS,
    destroyed: Iterable[Row] = (),
    declared: Collection[Number] = (),
) -> Verdict:
    """Pair `choices` with the counted `rows`; `tallies` and `wall` are total counts.

    `destroyed`: rows whose only copy was damaged on purpose; `declared`: the numbers that nodes say they lost. One that
    was damaged in silence is lost like any other, and one that was declared and not damaged is strange.
    """
    asked: defaultdict[str, list[Choice]] = defaultdict(list)
    pressed = settled = refused = 0
    for choice in choices:
        asked[choice.window].append(choice)
        pressed += 1
        settled += choice.lit is not None
        refused += choice.refused
    stored: defaultdict[str, list[Row]] = defaultdict(list)
    known: set[tuple[str, str, int]] = set()
    findings: list[Finding] = []
    ledger = 0
    gone = {row[:3]: row for row in destroyed if row[:3] in declared}
    findings += [Finding("strange", f"declared to be lost: {number}") for number in declared if number not in gone]
    for row in gone.values():
        stored[row.window].append(row)
    for row in rows:
        ledger += 1
        if row[:3] in known:
            findings.append(Finding("twice", str(row)))
        else:
            known.add(row[:3])
            stored[row.window].append(row)
    delays: list[int] = []
    surfaced = taken = 0
    for name in sorted(asked.keys() | stored.keys()):
        window = _Window(asked[name], stored[name], tolerance_ms)
        surfaced += window.surfaced
        taken += window.paired(gone)
        findings.extend(window.findings())
        delays.extend(window.delays())
    count = Counter(finding.law for finding in findings)
    return Verdict(
        pressed=pressed,
        settled=settled,
        refused=refused,
        in_flight=pressed - settled,
        surfaced=surfaced,
        ledger=ledger,
        tallies=tallies,
        wall=wall,
        lost=count["lost"],
        twice=count["twice"],
        misdated=count["misdated"],
        altered=count["altered"],
        strange=count["strange"],
        misled=count["misled"],
        destroyed=taken,
        examples=tuple(f"{law}: {text}" for law, text in findings[:_EXAMPLES]),
        delays=tuple(delays),
    )


class _Window:
    """One window's choices and rows, and which of them belong together."""

    def __init__(self, choices: Sequence[Choice], rows: Sequence[Row], tolerance_ms: int) -> None:
        self._choices = sorted(choices, key=lambda choice: (choice.lit is None, choice.presses[:1]))
        self._rows = sorted(rows, key=lambda row: row.at)
        self._times = [row.at for row in self._rows]
        self._slack = max((max(row.at - row.span[0], row.span[1] - row.at) for row in rows), default=0)
        self._tolerance = tolerance_ms
        self._row_of: dict[int, int] = {}  # choice index -> row index
        self._choice_of: dict[int, int] = {}

        for choice in range(len(self._choices)):  # lit ones first: a choice once paired stays paired
            self._pair(choice)

    @property
    def surfaced(self) -> int:
        """Return how many choices stand in the ledger though nobody saw their light."""
        return sum(self._choices[choice].lit is None for choice in self._row_of)

    def paired(self, gone: Collection[Number]) -> int:
        """Return how many choices, lit or surfaced, have a row with one of the numbers `gone`."""
        return sum(self._rows[row][:3] in gone for row in self._choice_of)

    def delays(self) -> Iterator[int]:
        """Yield how long after its light each lit choice was taken by the city."""
        for choice, row in self._row_of.items():
            lit, received_at = self._choices[choice].lit, self._rows[row].received_at
            if lit is not None and received_at is not None:
                yield received_at - lit.at

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong at this window."""
        lonely = []
        for index, choice in enumerate(self._choices):
            if choice.lit is None:
                continue
            if choice.lit.level not in {press.level for press in choice.presses}:
                yield Finding("misled", str(choice))
            if index not in self._row_of:
                lonely.append(choice)
        spare = [row for index, row in enumerate(self._rows) if index not in self._choice_of]
        for choice in lonely:
            law, row = self._explain(choice, spare)
            if row is not None:
                spare.remove(row)
            yield Finding(law, f"{choice} <> {row}")
        for row in spare:
            yield Finding("twice" if self._resembles(row) else "strange", str(row))

    def _near(self, choice: Choice) -> range:
        """Return the rows that could be within tolerance of any press of `choice`."""
        reach = self._tolerance + self._slack
        times = [press.at for press in choice.presses]
        if not times:
            return range(0)
        return range(bisect_left(self._times, min(times) - reach), bisect_right(self._times, max(times) + reach))

    def _in_time(self, choice: Choice, row: Row, *, level: int | None) -> bool:
        """Return whether `row` is dated as a press of `choice`; only presses of `level` count, None means any."""
        first, last = row.span[0] - self._tolerance, row.span[1] + self._tolerance
        return any(first <= press.at <= last and level in {None, press.level} for press in choice.presses)

    def _fits(self, choice: Choice, row: Row) -> bool:
        right_level = choice.lit is None or choice.lit.level == row.level
        return right_level and self._in_time(choice, row, level=row.level)

    def _pair(self, choice: int) -> None:
        """Find a row for `choice`, moving others to another row of theirs where that makes room."""
        queue = deque([choice])
        came_from: dict[int, int] = {}  # row -> the choice that reached it
        while queue:
            asking = queue.popleft()
            for row in self._near(self._choices[asking]):
                if row in came_from or not self._fits(self._choices[asking], self._rows[row]):
                    continue
                came_from[row] = asking
                if row in self._choice_of:
                    queue.append(self._choice_of[row])
                    continue
                free: int | None = row
                while free is not None:
                    mover = came_from[free]
                    left = self._row_of.get(mover)
                    self._row_of[mover], self._choice_of[free] = free, mover
                    free = left
                return

    def _explain(self, choice: Choice, spare: Sequence[Row]) -> tuple[Law, Row | None]:
        """Say what became of a lit choice without its row: look for one whose time or whose level agrees."""
        for row in spare:
            if self._in_time(choice, row, level=None):
                return "altered", row
        for row in spare:
            if choice.lit is not None and choice.lit.level == row.level:
                return "misdated", row
        return "lost", None

    def _resembles(self, row: Row) -> bool:
        """Return whether `row` looks like one more of a choice that has its row."""
        return any(self._fits(self._choices[choice], row) for choice in self._row_of)
