"""A published report: policy, ledger position and result, frozen under the city's signature. Pure.

A period is published in editions. The first opens the time for appeals; once that is over a final one is published, of
the ledger as it is then. What comes later changes the next edition, never one that is out.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

import msgspec

from contract.batch import Count, Millis, Number
from contract.bundle import Signed
from contract.config import KeyText
from contract.errors import Reason, Refused, SettingsError
from contract.seal import NOTHING, Sum
from contract.signing import public_key, verify
from proof.assessment import score_of
from proof.coefficient import coefficient, corrected
from proof.period import Period, period
from proof.policy import Policy, impostor
from proof.report import Line, Report, Stage
from proof.scores import Counts
from proof.span import bounds_of
from proof.turnout import Turnout, of_units
from proof.units import NONE, STAFFED, Kind, Unit, counted
from proof.zone import zone_of

# For so long at least an edition is open to appeals: a day.
APPEAL_MS = 86_400_000
# K, which is below 2, and a score times that.
_PRODUCT = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,4})?")


class Judged(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A line of the report: a unit, its ratings (satisfied, basic, dissatisfied), K, assessment, and that times K.

    `upheld`: the ratings that were taken out of `counts` before, since two auditors upheld their flags, if any.
    `turnout`: how many were asked in the period, and how those of them rated who did, where anybody was; for display.
    Decimals are text, so that no reader's float takes their place.
    """

    kind: Kind
    code: str
    zh: str
    en: str
    counts: tuple[Count, Count, Count]
    k: str
    assessment: str | None
    corrected: str | None
    upheld: tuple[Count, Count, Count] | None = None
    turnout: tuple[Count, Count, Count, Count] | None = None

    @property
    def unit(self) -> Unit:
        """Who is judged."""
        return Unit(self.kind, self.code, self.zh, self.en)


class Edition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="report"):
    """Edition `number` of a period, of the ledger up to `position`, made at `at` (ms), whose days are those of `zone`.

    Visits are counted up to position `visited`, which may be a few entries earlier; 0: it says nothing of them. In the
    stage "appeal" it may be appealed against until `until` (ms). `prev` is the SHA-256 of the edition before it
    as signed, in hex; `by` the public key that signs it.
    """

    v: Literal[1]
    period: str
    number: Number
    stage: Stage
    until: Millis
    position: Count
    at: Millis
    zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    policy: Policy
    prev: Sum
    by: KeyText
    lines: list[Judged]
    visited: Count = 0

    def __post_init__(self) -> None:
        """Check what no type says."""
        period(self.period)
        public_key(self.by)
        for line in self.lines:
            # Editions are for everybody: people's ratings are not, and who had which window is not in one.
            if line.kind in STAFFED:
                raise ValueError(f"{line.code}: the ratings of an office or a person are not published")
            if line.assessment is not None and score_of(line.assessment) is None:
                raise ValueError(f"{line.assessment!r} is no score")
            for text in (line.k, line.corrected):
                if text is not None and not _PRODUCT.fullmatch(text):
                    raise ValueError(f"{text!r} is no number")
            if line.turnout is not None and line.turnout[0] < sum(line.turnout[1:]):
                raise ValueError(f"{line.code}: {line.turnout[0]} were asked, and more rated")

    @property
    def span(self) -> Period:
        """The days that it covers."""
        return period(self.period)


class Published(NamedTuple):
    """An edition and its bytes as signed."""

    edition: Edition
    raw: bytes

    @property
    def digest(self) -> str:
        """What the next edition names it by: the SHA-256 of its bytes, in hex."""
        return hashlib.sha256(self.raw).hexdigest()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Edition).decode


def edition_of(
    report: Report,
    before: Published | None,
    *,
    stage: Stage,
    until: int,
    at: int,
    zone: str,
    by: str,
    turnouts: Mapping[str, Turnout],
    visited: int,
) -> Edition:
    """The edition that follows `before`, the period's newest so far, and says what `report` does.

    `turnouts`: by window who was asked and rated, by the ledger up to position `visited`.
    """
    prev = NOTHING if before is None else before.digest
    asked = of_units(turnouts)
    judged = [_judged(line, asked.get((line.unit.kind, line.unit.code))) for line in report.lines]
    name, policy, number = report.period.name, report.policy, number_after(before)
    return Edition(1, name, number, stage, until, report.position, at, zone, policy, prev, by, judged, visited)


def number_after(before: Published | None) -> int:
    """The number of the edition that follows `before`."""
    return 1 if before is None else before.edition.number + 1


def _judged(line: Line, turnout: Turnout | None) -> Judged:
    unit, k = line.unit, str(line.coefficient.k)
    given, after = (None if value is None else str(value) for value in (line.assessment, line.corrected))
    upheld = None if line.beside.upheld is None else line.beside.upheld.counts
    return Judged(unit.kind, unit.code, unit.zh, unit.en, line.counts, k, given, after, upheld, turnout)


def encoded(edition: Edition) -> bytes:
    """The JSON bytes that are signed."""
    return _encode(edition)


def opened(raw: bytes) -> Published:
    """The edition in `raw`, a signed entry; raises `Refused` where it is none. Who signed it is for `objection`."""
    try:
        return Published(_decode(Signed.of(raw).body), raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise Refused(Reason.UNDECODABLE, f"report: {bad}") from bad


def objection(one: Published, key: bytes | None = None) -> str | None:
    """Why `one` is not signed by `key` (32 raw bytes), or without one by the key that it names, if it is not."""
    entry, by = Signed.of(one.raw), one.edition.by
    if key is not None and public_key(by) != key:
        return f"it is signed by {by}, not by the city's key"
    return None if verify(entry.body, entry.signature, public_key(by)) else f"{by} did not sign this"


def misfit(before: Published | None, one: Edition) -> str | None:
    """Why `one` cannot be the edition of its period that follows `before` (None: the first), if it cannot."""
    number = number_after(before)
    if one.number != number or one.prev != (NOTHING if before is None else before.digest):
        return f"it does not follow edition {number - 1}" if number > 1 else "it is not the period's first"
    if one.stage == "final" and (before is None or before.edition.stage != "appeal"):
        return "it is final, and nobody could appeal before"
    if one.stage == "final" and before is not None and one.at < before.edition.until:
        return "it is final, and was made before the time for appeals was over"
    return None


def unsound(one: Edition) -> Iterator[str]:
    """What is wrong with `one`, whatever came before it and whatever was rated; raises `SettingsError` as `zone_of`."""
    if one.at < bounds_of(one.span, zone_of(one.zone)).behind:
        yield f"it was made before {one.period} was over"
    if one.stage == "appeal" and one.until < one.at + APPEAL_MS:
        yield "it may be appealed against for less than a day"
    if (said := impostor(one.policy)) is not None:
        yield said


def written(one: Published) -> str:
    """`one` as a text to keep: a line for people, the edition, its signature."""
    told = one.edition
    stage = {"appeal": "申诉期 open to appeals", "final": "定稿 final"}[told.stage]
    return f"# 满意 Manyi · 考核修正 report {told.period} · 第 {told.number} 版 edition · {stage}\n{one.raw.decode()}\n"


def read(text: str, source: str) -> Published:
    """The edition in `text`, as `written` writes it; raises `SettingsError`, which names `source`, where it is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        return opened("\n".join(lines).encode())
    except Refused as bad:
        raise SettingsError(f"{source}: {bad.detail}") from bad


def faults(
    edition: Edition, windows: Mapping[str, Counts], upheld: Mapping[str, Counts], turnouts: Mapping[str, Turnout]
) -> Iterator[tuple[str, str]]:
    """What in `edition` does not follow from the ratings of its `windows` by its policy: code and what is wrong.

    `upheld`: what was taken out of them. `turnouts`: who was asked there.
    """
    told = {(line.kind, line.code): line for line in edition.lines}
    if len(told) != len(edition.lines):
        yield "", "a unit is reported twice"
    units = [one.unit for one in told.values()]
    taken, asked = counted(upheld, units), of_units(turnouts)
    for unit, n in counted(silent(turnouts) | dict(windows), units).items():
        key = (unit.kind, unit.code)
        line = told.get(key)
        if line is None:
            yield unit.code, f"it has the ratings {n}, and is not reported"
        elif said := _difference(line, n, taken.get(unit, NONE), asked.get(key), edition.policy):
            yield unit.code, said


def silent(turnouts: Mapping[str, Turnout]) -> dict[str, Counts]:
    """The windows at which anybody was asked, without a rating: who was asked belongs to a unit, rated or not."""
    return dict.fromkeys(turnouts, NONE)


def _difference(line: Judged, n: Counts, taken: Counts, turnout: Turnout | None, policy: Policy) -> str:
    """What is wrong with `line` of a unit that has the ratings `n` beside those `taken` out; empty where nothing is."""
    k = coefficient(n, policy).k
    after = None if line.assessment is None else str(corrected(Decimal(line.assessment), k))
    due = (
        ("ratings", line.counts, n),
        ("upheld", line.upheld or NONE, taken),
        ("K", line.k, str(k)),
        ("corrected score", line.corrected, after),
        ("asked and rated", line.turnout, turnout),
    )
    return "; ".join(f"{name} {told} where {owed} is due" for name, told, owed in due if told != owed)


def own_windows(edition: Edition) -> dict[str, Counts]:
    """The ratings of the windows that `edition` reports."""
    return {line.code: line.counts for line in edition.lines if line.kind is Kind.WINDOW}


def own_upheld(edition: Edition) -> dict[str, Counts]:
    """What it says was taken out of them."""
    return {line.code: line.upheld for line in edition.lines if line.kind is Kind.WINDOW and line.upheld is not None}


def own_turnouts(edition: Edition) -> dict[str, Turnout]:
    """And who was asked at them."""
    return {line.code: line.turnout for line in edition.lines if line.kind is Kind.WINDOW and line.turnout is not None}
