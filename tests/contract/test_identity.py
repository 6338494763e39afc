"""Names that say where they belong."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import identity
from contract.errors import Reason, Refused


def test_each_name_holds_the_one_above_it() -> None:
    window = identity.window_id("371721121-a1", "02")
    assert window == "371721121-a1/02"
    assert identity.node_of(window) == "371721121-a1"
    assert identity.township_of(window) == "371721121"
    assert identity.county_of(window) == "371721"


def test_a_well_formed_node_name_is_given_back() -> None:
    assert identity.check_node("371721121-a1") == "371721121-a1"
    for channel in ("phone", "tablet", "home"):
        assert identity.check_node(f"371721121-a1.{channel}") == f"371721121-a1.{channel}"


@pytest.mark.parametrize("counter", ["371721121-a1", "371721121-a1/02", "371721121-a1/0.2"])
def test_a_name_says_by_which_channel_and_which_counter_it_speaks_for(counter: str) -> None:
    """A window's own name, which a node may choose as it likes, says neither."""
    node, slash, window = counter.partition("/")
    by_phone = f"{node}.phone{slash}{window}"
    assert (identity.channel_of(counter), identity.counter_of(counter)) == ("button", counter)
    assert (identity.channel_of(by_phone), identity.counter_of(by_phone)) == ("phone", counter)
    assert identity.township_of(by_phone) == identity.township_of(counter)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "371721121",
        "371721121-",
        "37172112-a1",
        "371721121-A1",
        "371721121-a1\n",
        "371721121-a1/02",
        "371721121-a1.",
        "371721121-a1.mail",
        "371721121-a1.phone.phone",
        "371721121-a1.phone.tablet",
        "371721121-a1.button",
        "371721121-" + "a" * 17,
        "３７１７２１１２１-a1",
        "+",
    ],
)
def test_a_bad_node_name_is_refused_with_its_text(name: str) -> None:
    with pytest.raises(Refused, match="node name") as refused:
        identity.check_node(name)
    assert refused.value.reason is Reason.UNDECODABLE
    assert repr(name) in refused.value.detail


@pytest.mark.parametrize("pattern", [identity.NODE, identity.TOWNSHIP, identity.WINDOW, identity.EPOCH])
@given(data=st.data())
def test_a_schema_takes_whole_strings_only(pattern: re.Pattern[str], data: st.DataObject) -> None:
    text = data.draw(st.from_regex(pattern, fullmatch=True) | st.from_regex(pattern) | st.text(max_size=12))
    assert bool(re.search(identity.whole(pattern), text)) == bool(pattern.fullmatch(text))
    assert not re.search(identity.whole(pattern), text + "\n")


@given(st.integers(0, (1 << identity.EPOCH_BITS) - 1), st.integers(0, (1 << identity.EPOCH_BITS) - 1))
def test_sixty_bits_are_ten_characters_and_differ(bits: int, others: int) -> None:
    assert identity.EPOCH.fullmatch(identity.epoch_text(bits))
    assert (identity.epoch_text(bits) == identity.epoch_text(others)) == (bits == others)


def test_epoch_text_is_base64url_high_bits_first() -> None:
    assert identity.epoch_text(0) == "AAAAAAAAAA"
    assert identity.epoch_text(1) == "AAAAAAAAAB"
    assert identity.epoch_text((1 << 60) - 1) == "__________"


@pytest.mark.parametrize("bits", [-1, 1 << 60])
def test_an_epoch_of_other_bits_is_a_mistake(bits: int) -> None:
    with pytest.raises(ValueError, match="made of 60 bits"):
        identity.epoch_text(bits)
