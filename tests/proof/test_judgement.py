"""Judgements: two auditors sign the same bytes, the newest of a flag counts, and a rating is taken out once."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.batch import StreamKey
from contract.errors import Refused
from contract.keys import Key
from contract.signing import public_key, verify
from proof.judgement import Verdict, cosigned, misfit, objection, opened
from proof.upheld import Upheld
from tests.judging import AUDITORS, KEYS, judgement, signed

NODE, DAY, EPOCH = "371721121-a1", "2026-11-18", "q7Zk2wX0aB"
SPAN = (1000, 2000)
RATINGS = [(EPOCH, 3, 5), (EPOCH, 9, 9)]
ONE = signed(judgement(NODE, DAY, RATINGS, span=SPAN))


def test_two_sign_the_same_line_and_it_is_read_again_as_it_was() -> None:
    body, first, second = ONE.raw.split(b"\n")
    for line, name in ((first, "wang"), (second, "li")):
        said, _, signature = line.partition(b" ")
        assert said.decode() == name
        assert verify(body, signature, public_key(AUDITORS[name].public))
    assert opened(ONE.raw) == ONE
    assert ONE.digest == hashlib.sha256(ONE.raw).hexdigest()
    assert objection(ONE, KEYS) is None
    assert not {"level", "levels", "grade", "score", "satisfied"} & msgspec.json.decode(body).keys()


def test_who_signed_is_looked_at() -> None:
    about = ONE.judgement
    assert objection(signed(about, "wang"), KEYS) == "1 signed it, and it takes 2"
    assert objection(signed(about, "wang", "li", "zhao"), KEYS) == "3 signed it, and it takes 2"
    assert objection(signed(about, "wang", "wang"), KEYS) == "wang signed it twice"
    assert objection(ONE, {"wang": KEYS["wang"]}) == "nobody knows an auditor li"
    assert objection(ONE, {**KEYS, "li": KEYS["zhao"]}) == "no key that li had then signed this"
    # One person under two names.
    twice = cosigned(signed(about, "wang"), "li", AUDITORS["wang"])
    assert objection(twice, {**KEYS, "li": KEYS["wang"]}) == "wang signed it twice"


def test_a_key_holds_from_and_until() -> None:
    raw, at = public_key(AUDITORS["li"].public), ONE.judgement.at
    for since, until, good in ((at, None, True), (at + 1, None, False), (0, at, False), (0, at + 1, True)):
        against = objection(ONE, {**KEYS, "li": [Key(raw, until, since)]})
        assert (against is None) == good


def test_any_byte_changed_is_seen() -> None:
    for old, new in ((b"upheld", b"dismissed"), (b",3,5]", b",3,6]"), (b'"at":2000', b'"at":2001')):
        assert objection(opened(ONE.raw.replace(old, new)), KEYS) == "no key that wang had then signed this"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"rubbish",
        ONE.raw + b"\n",
        ONE.raw + b"\nwang",
        ONE.raw.replace(b"\nli ", b"\n"),
        ONE.raw.replace(b'"why":"', b'"grade":3,"why":"'),
        ONE.raw.replace(b",3,5]", b",5,3]"),
        ONE.raw.replace(b'"ended":2000', b'"ended":2'),
        ONE.raw.replace(b'"upheld"', b'"perhaps"'),
        "《".encode("gbk"),
    ],
)
def test_what_is_no_judgement(raw: bytes) -> None:
    with pytest.raises(Refused):
        opened(raw)


def test_one_follows_the_other_of_its_flag() -> None:
    after = signed(judgement(NODE, DAY, RATINGS, span=SPAN, verdict="dismissed", before=ONE))
    assert [misfit(None, ONE), misfit(ONE, after)] == [None, None]
    assert misfit(ONE, ONE) == "the flag was judged before, and this does not name its newest judgement"
    assert misfit(after, ONE) == "the flag was judged before, and this does not name its newest judgement"
    assert misfit(None, after) == "it names a judgement before it, and the flag has none"


def test_none_is_made_before_its_flag_is_over() -> None:
    """Else a key that ended long ago could sign what happened since."""
    early = signed(msgspec.structs.replace(ONE.judgement, at=ONE.judgement.ended - 1))
    assert objection(early, KEYS) is None
    assert misfit(None, early) == "it is dated before the flag that it judges was over"


def test_a_judgement_counts_from_its_position_until_a_newer_one() -> None:
    away = judgement(NODE, DAY, RATINGS, span=SPAN, verdict="dismissed")
    again = judgement(NODE, DAY, [(EPOCH, 4, 6)], span=SPAN)
    upheld = Upheld([(10, ONE.judgement), (20, away), (30, again)])
    stream = StreamKey(NODE, EPOCH)
    assert [upheld.has(stream, 4, position) for position in (9, 10, 19, 20, 29, 30, 99)] == [
        False, True, True, False, False, True, True,
    ]  # fmt: skip
    assert [number for number in range(12) if upheld.has(stream, number, 15)] == [3, 4, 5, 9]
    assert [number for number in range(12) if upheld.has(stream, number)] == [4, 5, 6]
    assert not upheld.has(StreamKey(NODE, "BBBBBBBBBB"), 4)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["01", "02"]), st.booleans(), st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)))
        ),
        max_size=8,
    )
)
def test_what_is_upheld_in_the_end_is_the_union_of_the_newest(
    made: list[tuple[str, bool, list[tuple[int, int]]]],
) -> None:
    judgements, newest = [], dict[str, set[int]]()
    for position, (window, good, pairs) in enumerate(made, 1):
        ratings = [(EPOCH, first, first + more) for first, more in pairs]
        verdict: Verdict = "upheld" if good else "dismissed"
        judgements.append((position, judgement(NODE, DAY, ratings, span=SPAN, verdict=verdict, window=window)))
        newest[window] = {n for _, first, last in ratings for n in range(first, last + 1)} if good else set()
    found = Upheld(judgements)
    numbers = {n for pairs in found.numbers.values() for lo, hi in pairs for n in range(lo, hi + 1)}
    assert numbers == set[int]().union(*newest.values())
    assert numbers == {n for n in range(20) if found.has(StreamKey(NODE, EPOCH), n)}
