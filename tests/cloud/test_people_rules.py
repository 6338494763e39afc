"""A place covers itself and what lies in it: never a neighbour whose code begins alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.people.rules import ROLES, fits, within

PLACES = ["city", "371721", "371722", "371721121", "371721122", "371721121-a1", "371721121-a11", "371721121-a1/02"]
INSIDE = {
    "city": set(PLACES),
    "371721": {p for p in PLACES if p.startswith("371721")},
    "371722": {"371722"},
    "371721121": {p for p in PLACES if p.startswith("371721121")},
    "371721122": {"371721122"},
    "371721121-a1/02": {"371721121-a1/02"},
}


@pytest.mark.parametrize("scope", INSIDE)
def test_a_scope_covers_what_lies_in_it(scope: str) -> None:
    assert {place for place in PLACES if within(place, scope)} == INSIDE[scope]


@pytest.mark.parametrize("place", ["371721121_9", "371721121/01", "371721x", "371721999999", "3717211219", "city/01"])
def test_what_begins_like_a_place_is_none(place: str) -> None:
    assert not any(within(place, scope) for scope in INSIDE if scope != "city")


@given(st.text(max_size=12), st.sampled_from([scope for scope in INSIDE if scope != "city"]))
def test_nothing_that_is_no_place_is_covered(place: str, scope: str) -> None:
    assert not within(place, scope) or place.startswith(scope)
    assert not within("", scope)


@pytest.mark.parametrize(
    ("role", "place"),
    [
        ("clerk", "371721121-a1/02"),
        ("township", "371721121"),
        ("supervisor", "371721"),
        ("wall", "city"),
        ("operator", "city"),
        ("auditor", "city"),
        ("admin", "city"),
    ],
)
def test_each_role_has_its_kind_of_place(role: str, place: str) -> None:
    assert role in ROLES
    others = {"371721121-a1/02", "371721121", "371721", "city", ""} - {place}
    assert fits(role, place)
    assert not any(fits(role, other) for other in others)
