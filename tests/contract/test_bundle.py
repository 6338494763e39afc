"""Framing: what was packed comes out, and nothing else goes in."""

import gzip
import hashlib
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.bundle import GZIP_ABOVE, MAX_ENTRIES, MAX_PAYLOAD, Signed, digest, pack, packed, unpack
from contract.errors import Reason, Refused

bodies = st.binary(max_size=60).map(lambda tail: b"{" + tail.replace(b"\n", b"") + b"}")
signatures = st.just(b"") | st.text("ABCxyz019-_", min_size=1, max_size=86).map(str.encode)
bundles = st.lists(st.tuples(bodies, signatures).map(lambda entry: Signed(*entry)), max_size=40)


@given(bundles)
def test_a_bundle_comes_out_as_it_went_in(entries: list[Signed]) -> None:
    payload = pack(entry.raw for entry in entries)
    assert unpack(payload) == entries
    assert pack(entry.raw for entry in unpack(payload)) == payload
    assert [Signed.of(entry.raw) for entry in entries] == entries


def test_small_is_plain_and_large_is_gzipped() -> None:
    small = b"{" + b" " * (GZIP_ABOVE - 2) + b"}"
    assert pack([small]) == small
    large = b"{" + b" " * (GZIP_ABOVE - 1) + b"}"
    assert pack([large]).startswith(b"\x1f\x8b")
    assert gzip.decompress(pack([large])) == large
    assert pack([large]) == pack([large]), "no clock in the gzip header"


def test_nothing_is_an_empty_bundle() -> None:
    assert pack([]) == b""
    assert unpack(b"") == []
    assert unpack(b"\n\n") == []


def test_blank_lines_end_an_entry() -> None:
    assert unpack(b"\n{}\n\n{}\nsig\n") == [Signed(b"{}", b""), Signed(b"{}", b"sig")]


def refused(payload: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        unpack(payload)
    return caught.value


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        (b"no json", "line 1 is neither"),
        (b"{}\nsig\nsig", "line 3 is neither"),
        (b"{}\n\nsig", "line 3 is neither"),
        (b" {}", "line 1 is neither"),
        (b"\xef\xbb\xbf{}", "line 1 is neither"),
        (b"[{}]", "line 1 is neither"),
        (b"\x00", "line 1 is neither"),
        (b"\x1f\x8b", "ends in the middle"),
        (b"\x1f\x8bjunk", "gzip: "),
        (gzip.compress(b"{}", mtime=0)[:-1], "ends in the middle"),
        (gzip.compress(b"{}", mtime=0)[:-8] + bytes(8), "gzip: "),
        (gzip.compress(b"{}", mtime=0) + b"\0", "1 bytes behind the end"),
        (gzip.compress(b"{}", mtime=0) + gzip.compress(b"{}", mtime=0), "bytes behind the end"),
        (gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), "line 1 is neither"),
    ],
)
def test_what_is_no_bundle_is_undecodable(payload: bytes, detail: str) -> None:
    found = refused(payload)
    assert found.reason is Reason.UNDECODABLE
    assert detail in found.detail


def test_limits_hold_before_gunzip() -> None:
    largest = b"{" + b" " * (MAX_PAYLOAD - 2) + b"}"
    assert unpack(largest) == [Signed(largest, b"")]
    assert refused(largest + b" ").reason is Reason.OVERSIZED


def test_limits_hold_after_gunzip() -> None:
    largest = b"{" + b" " * (MAX_PAYLOAD - 2) + b"}"
    assert unpack(gzip.compress(largest)) == [Signed(largest, b"")]
    assert refused(gzip.compress(largest + b" ")).reason is Reason.OVERSIZED


@pytest.mark.bulk
def test_a_gzip_bomb_is_refused_without_being_unpacked() -> None:
    bomb = gzip.compress(b"{" + bytes(200_000_000), 9)
    assert len(bomb) < MAX_PAYLOAD
    tracemalloc.start()
    try:
        assert refused(bomb).reason is Reason.OVERSIZED
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_PAYLOAD
    finally:
        tracemalloc.stop()


def test_a_payload_of_brackets_is_refused_at_once() -> None:
    assert len(unpack(b"{\n" * MAX_ENTRIES)) == MAX_ENTRIES
    assert refused(b"{\n" * (MAX_ENTRIES + 1)).reason is Reason.OVERSIZED


@given(st.binary(max_size=300) | st.binary(max_size=300).map(gzip.compress))
def test_any_bytes_are_a_bundle_or_refused(payload: bytes) -> None:
    with suppress(Refused):
        entries = unpack(payload)
        assert all(entry.body.startswith(b"{") and not entry.signature.startswith(b"{") for entry in entries)


def test_a_digest_is_the_beginning_of_sha256() -> None:
    assert digest(b"{}") == hashlib.sha256(b"{}").hexdigest()[:16]


@given(st.lists(st.integers(1, 70_000), max_size=12), st.integers(0, 3))
def test_many_entries_become_as_many_payloads_as_they_need(sizes: list[int], short: int) -> None:
    entries = [b"{" + b"x" * size + b"}" for size in sizes] + [b"{}"] * (short * MAX_ENTRIES)

    payloads = list(packed(entries))

    assert [entry.raw for payload in payloads for entry in unpack(payload)] == entries
    assert all(payloads)
    # No two neighbours would have fitted into one.
    plain = [sum(len(entry.raw) + 1 for entry in unpack(payload)) for payload in payloads]
    counts = [len(unpack(payload)) for payload in payloads]
    for place in range(len(payloads) - 1):
        first = len(unpack(payloads[place + 1])[0].raw)
        assert plain[place] + first > MAX_PAYLOAD or counts[place] == MAX_ENTRIES


def test_as_many_payloads_as_the_bounds_need() -> None:
    half = b"{" + b" " * (MAX_PAYLOAD // 2)
    assert [unpack(payload) for payload in packed([half, half, b"{}"])] == [
        [Signed(half, b"")],
        [Signed(half, b""), Signed(b"{}", b"")],
    ]
    assert [len(unpack(payload)) for payload in packed([b"{}"] * (MAX_ENTRIES + 1))] == [MAX_ENTRIES, 1]
    assert list(packed([])) == []


def test_what_stands_behind_a_gzip_or_is_lacking_of_it_is_refused() -> None:
    whole = gzip.compress(b"{}")
    assert unpack(whole) == [Signed(b"{}", b"")]
    assert "3 bytes behind the end" in refused(whole + b"...").detail
    assert "ends in the middle" in refused(whole[:-1]).detail
    assert "gzip: " in refused(whole[:2] + b"\xff" + whole[3:]).detail
