"""Payloads of what is on a shelf: byte for byte, read once, and known again by their digest."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contract.batch import Batch, StreamKey
from contract.bundle import Signed, digest, unpack
from contract.rating import Quality, Row
from transport.lanes import Dispatch, Item, Lane
from transport.parcels import _FRESH, _REMEMBERED, Parcel, Parcels
from transport.shelf import Shelf

STREAM = StreamKey("371721121-a1", "AAAAAAAAAA")


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    shelf = await Shelf.open(tmp_path / "shelf.db", reserve=0)
    yield shelf
    await shelf.close()


def raw(number: int) -> bytes:
    return b'{"number":%d}' % number


async def put(shelf: Shelf, *numbers: int) -> tuple[Item, ...]:
    row = Row(0, "01", 3, 1)
    batches = [(Batch(1, *STREAM, number, 0, Quality.SYNCHRONISED, [row]), raw(number)) for number in numbers]
    return tuple(await shelf.put(batches))


def bodies(parcel: Parcel) -> list[bytes]:
    assert parcel.payload is not None
    return [entry.body for entry in unpack(parcel.payload)]


async def test_what_is_on_the_shelf_goes_out_in_the_order_of_the_dispatch(shelf: Shelf) -> None:
    one, two, three = await put(shelf, 1, 2, 3)
    parcel = await Parcels(shelf).wrap(Dispatch(7, Lane.LIVE, (three, one, two)))
    assert bodies(parcel) == [raw(3), raw(1), raw(2)]
    assert parcel.gone == []


async def test_what_was_just_written_is_not_read_back_and_only_once_spared(shelf: Shelf) -> None:
    one, two = await put(shelf, 1, 2)
    parcels = Parcels(shelf)
    parcels.fresh({one.id: b'{"as":"handed in"}', 99: b"{}"})
    dispatch = Dispatch(1, Lane.LIVE, (one, two))
    assert bodies(await parcels.wrap(dispatch)) == [b'{"as":"handed in"}', raw(2)]
    assert bodies(await parcels.wrap(dispatch)) == [raw(1), raw(2)]


@pytest.mark.parametrize("how", ["acked", "forget"])
async def test_what_will_not_be_sent_soon_is_not_kept_in_memory(shelf: Shelf, how: str) -> None:
    (one,) = await put(shelf, 1)
    parcels = Parcels(shelf)
    parcels.fresh({one.id: b'{"as":"handed in"}'})
    if how == "acked":
        parcels.acked(one.id)
        parcels.acked(one.id)
    else:
        parcels.forget()
    assert bodies(await parcels.wrap(Dispatch(1, Lane.LIVE, (one,)))) == [raw(1)]


async def test_what_is_kept_in_memory_is_bounded(shelf: Shelf) -> None:
    one, two = await put(shelf, 1, 2)
    parcels = Parcels(shelf)
    parcels.fresh({-number: b"{}" for number in range(_FRESH - 1)})
    parcels.fresh({one.id: b'{"room":"yet"}'})
    parcels.fresh({two.id: b'{"room":"none"}'})
    assert bodies(await parcels.wrap(Dispatch(1, Lane.LIVE, (one, two)))) == [b'{"room":"yet"}', raw(2)]


async def test_what_was_pruned_meanwhile_is_named_and_the_rest_goes_out(shelf: Shelf) -> None:
    one, two = await put(shelf, 1, 2)
    await shelf.drop([one])
    parcels = Parcels(shelf)
    parcel = await parcels.wrap(Dispatch(1, Lane.BACKLOG, (one, two)))
    assert (bodies(parcel), parcel.gone) == ([raw(2)], [one.id])
    assert await parcels.wrap(Dispatch(2, Lane.BACKLOG, (one,))) == (None, [one.id])
    assert list(parcels.flights()) == [1]


async def test_a_payload_is_known_again_until_as_many_others_have_followed(shelf: Shelf) -> None:
    items = await put(shelf, *range(1, _REMEMBERED + 2))
    parcels = Parcels(shelf)
    for flight, item in enumerate(items[:-1], 1):
        await parcels.wrap(Dispatch(flight, Lane.BACKLOG, (item,)))
    name = digest(Signed(raw(1), b"").raw)
    assert (parcels.flight_of(name), parcels.flight_of("0" * 16)) == (1, None)
    assert list(parcels.flights()) == list(range(1, _REMEMBERED + 1))

    await parcels.wrap(Dispatch(_REMEMBERED + 1, Lane.BACKLOG, items[-1:]))
    assert parcels.flight_of(name) is None
    assert list(parcels.flights()) == list(range(2, _REMEMBERED + 2))
