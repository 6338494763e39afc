"""Editions: what one says follows from its ratings and policy, and one follows the other only as appeals allow."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from contract.errors import Refused
from contract.seal import NOTHING
from contract.signing import Signer, public_key
from proof.edition import (
    Edition,
    Published,
    edition_of,
    encoded,
    faults,
    misfit,
    objection,
    opened,
    own_turnouts,
    own_windows,
)
from proof.policy import shipped
from proof.report import Report, Stage
from proof.scores import Counts
from proof.turnout import Turnout
from proof.units import Kind, Unit, counted
from tests.proof.reports import report

CITY, MALLORY = Signer(b"9" * 32), Signer(b"6" * 32)
W1, W2 = "371721121-a1/01", "371702100-b2/01"
WINDOWS: dict[str, Counts] = {W1: (900, 20, 10), W2: (100, 50, 150)}
ASSESSED = {"371721": Decimal("92.5"), "371702100": Decimal(88)}


# At the first window nobody was asked.
ASKED: dict[str, Turnout] = {W2: (400, 90, 0, 10)}


def edition(before: Published | None = None, *, stage: Stage = "appeal", at: int = 100, until: int = 200) -> Published:
    return signed(made_of(report(counted(WINDOWS, []), ASSESSED), before, stage=stage, at=at, until=until))


def made_of(
    made: Report, before: Published | None = None, *, stage: Stage = "appeal", at: int = 1, until: int = 2
) -> Edition:
    return edition_of(
        made,
        before,
        stage=stage,
        until=until,
        at=at,
        zone="Asia/Shanghai",
        by=CITY.public,
        turnouts=ASKED,
        visited=6,
    )


def signed(made: Edition, by: Signer = CITY) -> Published:
    return opened(by.entry(encoded(made)))


ONE = edition()


def test_an_edition_says_what_the_report_did() -> None:
    told = ONE.edition
    assert (told.period, told.number, told.stage, told.position, told.prev) == ("2026Q4", 1, "appeal", 7, NOTHING)
    assert objection(ONE) is None
    assert objection(ONE, public_key(CITY.public)) is None
    assert list(faults(told, WINDOWS, {}, ASKED)) == []
    assert own_windows(told) == WINDOWS
    assert (own_turnouts(told), told.visited) == (ASKED, 6)
    by_code = {line.code: line for line in told.lines}
    assert by_code["371702100"].k == "0.9500"
    assert (by_code["371702100"].assessment, by_code["371702100"].corrected) == ("88", "83.60")
    assert by_code["city"].counts == (1000, 70, 160)
    assert by_code["371721121"].assessment is None
    asked = {code: line.turnout for code, line in by_code.items() if line.turnout is not None}
    assert asked == dict.fromkeys(("city", "371702", "371702100", W2), (400, 90, 0, 10))


def changed(code: str, **fields: object) -> Callable[[Edition], Edition]:
    def change(told: Edition) -> Edition:
        lines = [msgspec.structs.replace(one, **fields) if one.code == code else one for one in told.lines]
        return msgspec.structs.replace(told, lines=lines)

    return change


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (changed("371702100", k="0.9900"), "371702100", "K 0.9900 where 0.9500 is due"),
        (changed("371702100", k="0.95"), "371702100", "K 0.95 where 0.9500 is due"),
        (changed("371702100", corrected="88.00"), "371702100", "corrected score 88.00 where 83.60 is due"),
        (changed("371702100", corrected=None), "371702100", "corrected score None where 83.60 is due"),
        (changed("371721", assessment="99"), "371721", "corrected score"),
        (changed("city", counts=(1001, 70, 160)), "city", "ratings (1001, 70, 160) where (1000, 70, 160) is due"),
        (changed(W1, counts=(900, 20, 11)), W1, "ratings (900, 20, 11)"),
        (changed("city", turnout=(100, 90, 0, 10)), "city", "asked and rated (100, 90, 0, 10) where (400, 90, 0, 10)"),
        (changed(W2, turnout=None), W2, "asked and rated None where (400, 90, 0, 10) is due"),
        (changed(W1, turnout=(1, 1, 0, 0)), W1, "asked and rated (1, 1, 0, 0) where None is due"),
    ],
)
def test_a_line_that_does_not_follow_is_named(change: Callable[[Edition], Edition], code: str, said: str) -> None:
    ((where, detail),) = faults(change(ONE.edition), WINDOWS, {}, ASKED)
    assert where == code
    assert said in detail


def test_a_unit_that_is_left_out_or_said_twice() -> None:
    lines = ONE.edition.lines
    left = msgspec.structs.replace(ONE.edition, lines=[one for one in lines if one.code != W2])
    assert list(faults(left, WINDOWS, {}, ASKED)) == [(W2, "it has the ratings (100, 50, 150), and is not reported")]
    twice = msgspec.structs.replace(ONE.edition, lines=[*lines, lines[0]])
    assert list(faults(twice, WINDOWS, {}, ASKED)) == [("", "a unit is reported twice")]


def test_who_was_asked_belongs_to_a_unit_that_nobody_rated_at() -> None:
    quiet: dict[str, Turnout] = {"371721121-a9/01": (5, 0, 0, 0), **ASKED}
    left = {code for code, detail in faults(ONE.edition, WINDOWS, {}, quiet) if detail.endswith("is not reported")}
    assert left == {"371721121-a9/01"}


def test_more_ratings_than_people_asked_are_no_edition() -> None:
    with pytest.raises(ValueError, match="city: 3 were asked, and more rated"):
        changed("city", turnout=(3, 1, 2, 1))(ONE.edition)


def test_by_another_policy_other_figures_are_due() -> None:
    other = msgspec.structs.replace(ONE.edition, policy=shipped("plain"))
    assert {code for code, _ in faults(other, WINDOWS, {}, ASKED)} >= {"city", "371702100"}


def test_the_ratings_of_offices_and_people_are_not_published() -> None:
    for kind, code in ((Kind.OFFICE, "371721121:zw"), (Kind.PERSON, "371721121:1024")):
        made = report({Unit(kind, code, "x", "x"): (1, 2, 3)}, {})
        with pytest.raises(ValueError, match=f"{code}: the ratings of an office or a person are not published"):
            made_of(made)


def test_editions_follow_each_other_as_appeals_allow() -> None:
    final = edition(ONE, stage="final", at=200)
    again = edition(final, at=300, until=400)
    assert [misfit(None, ONE.edition), misfit(ONE, final.edition), misfit(final, again.edition)] == [None] * 3
    assert "nobody could appeal" in (misfit(None, edition(stage="final").edition) or "")
    assert "nobody could appeal" in (misfit(final, edition(final, stage="final", at=500).edition) or "")
    assert "before the time for appeals was over" in (misfit(ONE, edition(ONE, stage="final", at=199).edition) or "")
    assert misfit(ONE, ONE.edition) == "it does not follow edition 1"
    assert misfit(None, final.edition) == "it is not the period's first"
    assert misfit(edition(at=101), final.edition) == "it does not follow edition 1"


def test_the_greatest_score_times_the_greatest_k() -> None:
    made = report(counted(WINDOWS, []), {"371721": Decimal("999999.9999")})
    told = signed(made_of(made)).edition
    assert {line.corrected for line in told.lines} == {None, "1050000.00"}


def test_who_signed_it() -> None:
    assert objection(Published(ONE.edition, ONE.raw.replace(b'"number":1', b'"number":2'))) is not None
    assert "not by the city's key" in (objection(ONE, public_key(MALLORY.public)) or "")


@pytest.mark.parametrize(
    "fields",
    [
        {"period": "2026Q5"},
        {"by": "A" * 42 + "B"},
        {"zone": ""},
        {"stage": "draft"},
        {"lines": [["window", W1, W1, W1, [1, 2], "1.0000", None, None]]},
        {"lines": [["window", W1, W1, W1, [1, 2, 3], "one", None, None]]},
        {"lines": [["window", W1, W1, W1, [1, 2, 3], "NaN", None, None]]},
        {"lines": [["window", W1, W1, W1, [1, 2, 3], "1.0000", "Infinity", "1.00"]]},
        {"lines": [["window", W1, W1, W1, [1, 2, 3], "1.0000", "1e30", "1.00"]]},
        {"lines": [["window", W1, W1, W1, [1, 2, 3], "1.0000", "90", "1_00"]]},
        {"lines": [["hall", W1, W1, W1, [1, 2, 3], "1.0000", None, None]]},
        # Everybody may read it.
        {"lines": [["office", "371721121:zw", "厅", "Hall", [1, 2, 3], "1.0000", None, None]]},
        {"lines": [["person", "371721121:1024", "李敏", "Li Min", [1, 2, 3], "1.0000", None, None]]},
        {"more": 1},
    ],
)
def test_what_is_no_edition(fields: dict[str, object]) -> None:
    told = msgspec.json.decode(encoded(ONE.edition)) | fields
    with pytest.raises(Refused):
        opened(CITY.entry(msgspec.json.encode(told)))


def test_kinds_are_told_in_words() -> None:
    assert msgspec.json.decode(encoded(ONE.edition))["lines"][0][0] == Kind.CITY
