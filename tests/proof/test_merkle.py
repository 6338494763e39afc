"""The tree of RFC 9162: against its own recursive definition, and against whoever would have one leaf for another."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.merkle import EMPTY, Tree, leads, leaf, path, root

leaves = st.lists(st.binary(max_size=40), min_size=1, max_size=70).map(lambda some: [leaf(one) for one in some])


def defined(hashes: list[bytes]) -> bytes:
    """MTH as section 2.1.1 defines it."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\x01" + defined(hashes[:split]) + defined(hashes[split:])).digest()


def test_the_hash_of_nothing_and_of_an_empty_leaf() -> None:
    assert root([]) == EMPTY == bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    assert leaf(b"") == bytes.fromhex("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")
    assert root([leaf(b"")]) == leaf(b"")


@pytest.mark.parametrize("size", range(1, 34))
def test_every_small_tree_and_every_path_in_it(size: int) -> None:
    hashes = [leaf(bytes([number])) for number in range(size)]
    tree = Tree()
    for number, one in enumerate(hashes):
        tree.add(one)
        assert tree.root() == defined(hashes[: number + 1])
    assert root(hashes) == defined(hashes)
    for index in range(size):
        steps = path(hashes, index)
        assert leads(hashes[index], index, size, steps, root(hashes))
        for elsewhere in range(size):
            if elsewhere != index:
                assert not leads(hashes[index], elsewhere, size, steps, root(hashes))
                assert not leads(hashes[elsewhere], index, size, steps, root(hashes))


@given(leaves)
def test_a_tree_is_as_defined(hashes: list[bytes]) -> None:
    assert root(hashes) == defined(hashes)


@given(leaves, st.data())
def test_no_step_can_be_left_out_added_or_changed(hashes: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(hashes) - 1))
    steps, top = path(hashes, index), root(hashes)
    assert leads(hashes[index], index, len(hashes), steps, top)
    assert not leads(hashes[index], index, len(hashes), [*steps, hashes[0]], top)
    if steps:
        at = data.draw(st.integers(0, len(steps) - 1))
        assert not leads(hashes[index], index, len(hashes), steps[:at] + steps[at + 1 :], top)
        changed = bytes([steps[at][0] ^ 1]) + steps[at][1:]
        assert not leads(hashes[index], index, len(hashes), [*steps[:at], changed, *steps[at + 1 :]], top)


def test_a_place_that_is_none() -> None:
    hashes = [leaf(b"a"), leaf(b"b")]
    for index in (-1, 2):
        assert not leads(hashes[0], index, 2, path(hashes, 0), root(hashes))
        with pytest.raises(IndexError, match="no leaf"):
            path(hashes, index)


def test_an_inner_node_cannot_be_shown_as_a_leaf() -> None:
    hashes = [leaf(b"a"), leaf(b"b"), leaf(b"c"), leaf(b"d")]
    inner = hashlib.sha256(b"\x01" + hashes[0] + hashes[1]).digest()
    assert not leads(leaf(hashes[0] + hashes[1]), 0, 2, [root(hashes[2:])], root(hashes))
    assert leads(inner, 0, 2, [root(hashes[2:])], root(hashes))  # which is why a proof says how many leaves there are
