"""From windows to units to lines: every rating is counted once at each level, and nobody is left out."""

from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import SettingsError
from proof.coefficient import coefficient, corrected
from proof.funnel import funnel
from proof.given import Given
from proof.participation import participation
from proof.period import period
from proof.policy import SHIPPED, Policy, shipped
from proof.report import check_known, lines
from proof.scores import Counts
from proof.shrinkage import shrunk
from proof.table import facts, filled
from proof.units import CITY, NONE, Kind, Unit, counted
from proof.why import Language
from tests.proof.reports import GUARDED, report

COUNTY, TOWNSHIP = (
    Unit(Kind.COUNTY, "371721", "曹县", "Cao County"),
    Unit(Kind.TOWNSHIP, "371721001", "曹城", "Caocheng"),
)
HERE = "371721001-a1/01"
WINDOW = Unit(Kind.WINDOW, HERE, HERE, HERE)
KNOWN = [Unit(Kind.CITY, CITY, "全市", "City"), COUNTY, TOWNSHIP, WINDOW]
CODES = st.builds("{}{:03d}-a{}/01".format, st.sampled_from(["371721", "371722"]), st.integers(0, 3), st.integers(1, 3))
COUNTS = st.tuples(*[st.integers(0, 5)] * 3)


def test_a_window_counts_for_its_township_county_and_city() -> None:
    other, strange = "371721001-b2/01", "371799002-a1/07"
    found = counted({HERE: (3, 2, 1), other: (1, 0, 0), strange: (0, 0, 9)}, KNOWN)

    assert {unit.code: counts for unit, counts in found.items()} == {
        "city": (4, 2, 10),
        "371721": (4, 2, 1),
        "371799": (0, 0, 9),
        "371721001": (4, 2, 1),
        "371799002": (0, 0, 9),
        HERE: (3, 2, 1),
        other: (1, 0, 0),
        strange: (0, 0, 9),
    }
    assert [unit.kind for unit in found] == ["city", *["county"] * 2, *["township"] * 2, *["window"] * 3]
    assert next(unit for unit in found if unit.code == "371799").zh == "371799"
    assert COUNTY in found


def test_who_is_silent_stands_there_with_nothing() -> None:
    assert counted({}, KNOWN) == dict.fromkeys(KNOWN, NONE)
    assert {line.coefficient.k for line in lines(counted({}, KNOWN), {}, {}, GUARDED, {})} == {Decimal(1)}


@given(st.dictionaries(CODES, COUNTS, max_size=12))
def test_at_every_level_each_rating_once(windows: dict[str, Counts]) -> None:
    found = counted(windows, KNOWN)
    for kind in (Kind.CITY, Kind.COUNTY, Kind.TOWNSHIP, Kind.WINDOW):
        of_kind = [counts for unit, counts in found.items() if unit.kind is kind]
        assert [sum(level) for level in zip(*of_kind, strict=True)] == [
            sum(counts[level] for counts in windows.values()) for level in range(3)
        ]


def test_a_line_is_the_one_rule_and_the_assessment_times_k() -> None:
    counts = {TOWNSHIP: (250, 30, 120), WINDOW: (60, 5, 0), COUNTY: NONE}
    judged = lines(counts, {TOWNSHIP.code: Decimal("92.50"), COUNTY.code: Decimal(80)}, {}, GUARDED, {})
    assert [line.coefficient for line in judged] == [coefficient(n, GUARDED) for n in counts.values()]
    assert [line.corrected for line in judged] == [Decimal("87.88"), None, Decimal("80.00")]


@given(COUNTS, COUNTS, COUNTS, st.decimals(0, 100, places=2), st.integers(15, 10_000), st.sampled_from(SHIPPED))
def test_k_and_the_corrected_score_are_a_units_own_whatever_is_shown_beside_them(
    own: Counts, sibling: Counts, city: Counts, score: Decimal, served: int, name: str
) -> None:
    policy = shipped(name)
    other = Unit(Kind.TOWNSHIP, "371721002", "磐石", "Panshi")
    known = participation(own, served)
    assert known is not None
    alone = lines({TOWNSHIP: own}, {TOWNSHIP.code: score}, {}, policy, {})[0]
    among = lines(
        {TOWNSHIP: own, other: sibling, KNOWN[0]: city},
        {TOWNSHIP.code: score},
        {TOWNSHIP.code: known},
        policy,
        {TOWNSHIP: (9, 9, 9)},
    )[0]

    assert alone.coefficient == among.coefficient == coefficient(own, policy)
    assert alone.corrected == among.corrected == corrected(score, among.coefficient.k)
    # And it was there to be used.
    assert among.beside.participation == known
    assert among.beside.shrunk == (shrunk([own, sibling])[0] if any(own) or any(sibling) else None)
    assert bool(among.beside.standings) == (any(own) and funnel(city) is not None)


def test_what_is_shown_has_the_policys_weights() -> None:
    """204 + 360 / 2 are 0.64 of 600, far below a city at 0.7; were the middle 0.6, all would be 0.7 and within."""
    own = Policy("own", 1, (1, 0.5, 0))
    [_, line] = lines({KNOWN[0]: (500, 400, 100), TOWNSHIP: (204, 360, 36)}, {}, {}, own, {})
    assert (line.score, line.coefficient.mean, line.beside.shrunk) == (64.0, 0.64, 0.64)
    assert [standing.place for standing in line.beside.standings] == ["below", "below"]


def test_the_table_says_where_a_unit_stands_by_the_outer_limits() -> None:
    made = report({KNOWN[0]: (8500, 800, 700), TOWNSHIP: (155, 8, 27)}, {})
    assert [standing.place for standing in made.lines[1].beside.standings] == ["below", "within"]
    assert [row[-3] for row in filled(made, "zh").rows] == [None, "界限之内"]


def test_a_misspelt_code_is_named() -> None:
    counts, span = dict.fromkeys(KNOWN, NONE), period("2026Q4")
    check_known(counts, {"371721": Given(Decimal(1), 1), HERE: Given(Decimal(2), 2)}, "a.csv", span)
    strange = {code: Given(Decimal(1), row) for row, code in enumerate(("371721", "3717210O1", "37172"), 1)}
    with pytest.raises(SettingsError, match=r"a.csv: no unit of 2026Q4 .* 37172 \(row 3\), 3717210O1 \(row 2\)"):
        check_known(counts, strange, "a.csv", span)


@pytest.mark.parametrize("language", get_args(Language))
def test_the_table_has_a_cell_for_each_column(language: Language) -> None:
    made = report({TOWNSHIP: (250, 30, 120), COUNTY: NONE}, {TOWNSHIP.code: Decimal("92.50")})
    columns, rows = filled(made, language)
    names = [column.name for column in columns]
    first, second = (dict(zip(names, row, strict=True)) for row in rows)
    zh = language == "zh"
    assert list(first.values())[:3] == (
        ["乡镇街道", "371721001", "曹城"] if zh else ["township", "371721001", "Caocheng"]
    )
    assert list(first.values())[3:-1] == [
        400,
        250,
        30,
        120,
        62.5,
        30.0,
        67.0,
        60.4,
        73.2,
        0.95,
        92.5,
        87.88,
        None,
        67.0,
    ]
    assert list(second.values())[3:-1] == [0, 0, 0, 0, None, None, None, None, None, 1.0, None, None, None, None]
    (title,), (said,), (aside,) = facts(made, language)
    assert "2026Q4" in str(title)
    assert "guarded" in str(said)
    assert "7" in str(said)
    assert ("暂定" if zh else "provisional") in str(said)
    assert ("不影响系数 K" if zh else "do not change K") in str(aside)


def test_plain_has_no_bounds() -> None:
    made = report({TOWNSHIP: (1, 1, 0)}, {}, shipped("plain"))
    [row] = filled(made, "en").rows
    assert row[10:13] == (None, None, 0.8)
