"""The lines of an edition as a place looks at them: which, in which order, how each follows, and what has changed."""

import pytest

from cloud.reports.lines import ORDERS, Difference, Order, chosen, differences, figures, line_of
from proof.coefficient import coefficient
from proof.edition import Judged
from proof.policy import shipped
from proof.scores import Counts
from proof.units import Kind

GUARDED, PLAIN = shipped("guarded"), shipped("plain")


def line(kind: Kind, code: str, counts: Counts, assessment: str | None = None, after: str | None = None) -> Judged:
    return Judged(kind, code, code, code, counts, str(coefficient(counts, GUARDED).k), assessment, after)


LINES = [
    line(Kind.CITY, "city", (9_500, 300, 200)),
    line(Kind.COUNTY, "371702", (0, 0, 0)),
    line(Kind.COUNTY, "371721", (250, 30, 120), "90", "85.50"),
    line(Kind.TOWNSHIP, "371721121", (250, 30, 120), "80", "76.00"),
    line(Kind.WINDOW, "371721121-a1/01", (25, 3, 12)),
    line(Kind.WINDOW, "371721121-a1/012", (1, 0, 0)),
]


@pytest.mark.parametrize(
    ("place", "codes"),
    [
        ("city", [one.code for one in LINES]),
        ("371721", ["371721", "371721121", "371721121-a1/01", "371721121-a1/012"]),
        ("371721121", ["371721121", "371721121-a1/01", "371721121-a1/012"]),
        ("371721121-a1/01", ["371721121-a1/01"]),
        ("371722", []),
    ],
)
def test_a_place_has_its_own_lines_and_no_others(place: str, codes: list[str]) -> None:
    assert [one.code for one in chosen(LINES, place, None, "code", GUARDED)] == codes
    for order in ORDERS:
        assert {one.code for one in chosen(LINES, place, None, order, GUARDED)} == set(codes)


@pytest.mark.parametrize(
    ("order", "first", "last"),
    [
        ("corrected", "371721121", "371721121-a1/012"),
        ("k", "371721", "city"),
        ("index", "371721", "371702"),
        ("ratings", "371702", "city"),
    ],
)
def test_the_lowest_is_first_and_what_has_no_figure_last(order: Order, first: str, last: str) -> None:
    found = chosen(LINES, "city", None, order, GUARDED)
    assert (found[0].code, found[-1].code) == (first, last)
    assert [one.code for one in chosen(LINES, "city", Kind.COUNTY, order, GUARDED)][-1] in {"371702", "371721"}


def test_how_a_line_follows() -> None:
    low, high, unproven, silent = (figures(LINES[place], GUARDED) for place in (2, 0, 5, 1))
    assert (low.score, low.rated) == (67.0, 400)
    assert low.distance == pytest.approx(0.7316 - 0.85, abs=5e-4)
    assert high.distance == pytest.approx(0.9630 - 0.85, abs=5e-4)
    assert unproven.distance == 0
    assert low.bounds is not None
    assert (low.bounds.low, low.bounds.high) == (60.4, 73.2)
    assert (silent.score, silent.shares, silent.bounds, silent.distance) == (None, None, None, None)
    plain = figures(LINES[2], PLAIN)
    assert (plain.bounds, plain.distance) == (None, None)
    assert figures(line(Kind.CITY, "city", (1, 1, 1)), GUARDED).upheld == 0


def test_what_has_changed_from_one_edition_to_the_next() -> None:
    before = LINES[3]
    assert differences(before, before) == []
    after = Judged(before.kind, before.code, before.zh, before.en, (250, 30, 100), "0.9520", "81", "77.11", (0, 0, 20))
    assert differences(before, after) == [
        Difference("ratings", "250 / 30 / 120", "250 / 30 / 100"),
        Difference("k", "0.9500", "0.9520"),
        Difference("assessment", "80", "81"),
        Difference("corrected", "76.00", "77.11"),
        Difference("upheld", "", "0 / 0 / 20"),
    ]
    assert line_of(LINES, "371721121") is before
    assert line_of(LINES, "371721122") is None
