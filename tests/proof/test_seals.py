"""Seals as an outsider has them: the text that is kept, what makes one false, and how they follow each other."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.codec import encode
from contract.errors import Refused, SettingsError
from contract.seal import NOTHING
from contract.signing import Signer, public_key
from proof.merkle import root
from proof.seals import Sealed, following, leaf, misfit, objection, opened, read, written

CITY, MALLORY = Signer(b"9" * 32), Signer(b"6" * 32)
KEY = public_key(CITY.public)


def sealed(before: Sealed | None, *entries: bytes, signer: Signer = CITY) -> Sealed:
    """The seal after `before` over `entries`."""
    leaves = tuple(leaf("batch", entry) for entry in entries)
    last = len(entries) if before is None else before.seal.last + len(entries)
    first = last - len(entries) + 1
    seal = following(before, first=first, last=last, root=root(leaves), day="2026-11-26", at=5, by=signer.public)
    return opened(signer.entry(encode(seal)))._replace(leaves=leaves)


ONE = sealed(None, b"a", b"b", b"c")
TWO = sealed(ONE, b"d")


def test_a_seal_holds_and_the_next_one_follows() -> None:
    assert (ONE.seal.number, ONE.seal.first, ONE.seal.last, ONE.seal.prev) == (1, 1, 3, NOTHING)
    assert (TWO.seal.number, TWO.seal.first, TWO.seal.last, TWO.seal.prev) == (2, 4, 4, ONE.digest)
    for before, one in ((None, ONE), (ONE, TWO)):
        assert objection(one) is None
        assert objection(one, KEY) is None
        assert misfit(before, one) is None


def changed(one: Sealed, **fields: object) -> Sealed:
    seal = msgspec.structs.replace(one.seal, **fields)
    return Sealed(seal, CITY.entry(encode(seal)), one.leaves)


@pytest.mark.parametrize(
    ("false", "said"),
    [
        (sealed(None, b"a", signer=MALLORY), "not by the city's key"),
        (ONE._replace(raw=ONE.raw.replace(b'"number":1', b'"number":2')), "did not sign this"),
        (ONE._replace(leaves=ONE.leaves[:2]), "comes with 2 leaves"),
        (ONE._replace(leaves=(*ONE.leaves[:2], leaf("batch", b"x"))), "not that of the leaves"),
        (ONE._replace(leaves=(*ONE.leaves[:2], leaf("seal", b"c"))), "not that of the leaves"),
    ],
)
def test_what_is_no_seal_of_the_citys(false: Sealed, said: str) -> None:
    assert said in (objection(false, KEY) or "")


@pytest.mark.parametrize(
    ("before", "one", "said"),
    [
        (None, TWO, "it is number 2, and number 1 was to follow"),
        (ONE, ONE, "it is number 1, and number 2 was to follow"),
        (ONE, changed(TWO, number=3), "it is number 3, and number 2 was to follow"),
        (ONE, changed(TWO, prev="1a" * 32), "names another seal 1"),
        (changed(ONE, at=6), TWO, "names another seal 1"),
        (None, changed(ONE, prev="1a" * 32), "names another seal 0"),
    ],
)
def test_what_does_not_follow(before: Sealed | None, one: Sealed, said: str) -> None:
    assert said in (misfit(before, one) or "")


@given(st.lists(st.lists(st.binary(max_size=9), min_size=1, max_size=9), min_size=1, max_size=4))
def test_what_is_written_is_read(days: list[list[bytes]]) -> None:
    made: list[Sealed] = []
    for entries in days:
        made.append(sealed(made[-1] if made else None, *entries))
    assert read("".join(map(written, made)), "kept") == made
    assert read("\n\n".join(written(one._replace(leaves=())) for one in made), "kept") == [
        one._replace(leaves=()) for one in made
    ]


def test_two_lines_of_it_are_for_people() -> None:
    first, second, *_ = written(TWO).splitlines()
    assert first == "# 满意 Manyi · 封账 seal 2 · 2026-11-26"
    assert second == f"# 账目 ledger positions 4 - 4 · 默克尔根 root {TWO.seal.root}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "kept: there is no seal in it"),
        ("hello", "kept: line 1: expected a seal"),
        ("ab" * 32, "kept: line 1: expected a seal"),
        ("# only words\n", "there is no seal in it"),
        ('\n{"kind":"roster"}\nsig', "kept: line 2: this is no seal"),
        ('{"kind":"seal"', "kept: line 1: this is no seal"),
        (written(ONE) + "AB" * 32, "expected a seal, or the hash of one of its leaves"),
    ],
)
def test_what_is_no_text_of_a_seal(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read(text, "kept")


@pytest.mark.parametrize(
    "fields", [{"last": 3, "first": 4}, {"by": "A" * 42 + "B"}, {"root": "1A" * 32}, {"number": 0}]
)
def test_a_seal_that_cannot_be(fields: dict[str, object]) -> None:
    told = msgspec.json.decode(encode(ONE.seal)) | fields
    with pytest.raises(Refused):
        opened(msgspec.json.encode(told) + b"\nsignature")
