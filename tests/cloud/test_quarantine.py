"""What is kept of refused input: counted always, kept within bounds, printable."""

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from cloud.database import Database, fetch
from cloud.quarantine import store
from cloud.quarantine.routes import router
from cloud.quarantine.rules import HOUR_MS, KEPT_AN_HOUR, Poison, lines, poison, printable
from contract.bundle import MAX_PAYLOAD
from contract.errors import Reason

NOW = 1_795_370_400_000
TOWNSHIPS = ("371721121", "371721122")


def bad(number: int, township: str = TOWNSHIPS[0], reason: Reason = Reason.UNDECODABLE) -> Poison:
    return poison(township, "", reason, "noise", b"noise %d" % number)


async def keep(database: Database, poisons: list[Poison], at: int = NOW) -> None:
    async with database.writer.begin() as connection:
        await store.keep(connection, poisons, at)


async def figures(database: Database) -> tuple[int, int, int]:
    """Rows, inputs they stand for, rows with bytes."""
    async with database.reader.connect() as connection:
        found = await fetch(connection, "SELECT count(*), coalesce(sum(count), 0), count(raw) FROM quarantine")
    rows, inputs, with_bytes = found[0]
    return int(rows), int(inputs), int(with_bytes)


@given(st.lists(st.lists(st.builds(bad, st.integers(0, 150), st.sampled_from(TOWNSHIPS)), max_size=300), max_size=3))
def test_everything_is_counted_and_rows_are_bounded(groups: list[list[Poison]]) -> None:
    table: dict[tuple[str, str, str], int] = {}
    for group in groups:
        kept = {t: sum(1 for township, _, digest in table if township == t and digest) for t in TOWNSHIPS}
        for line in lines(group, NOW, kept, table):
            key = (line.township, line.reason, line.digest)
            table[key] = table.get(key, 0) + line.times

    assert sum(table.values()) == sum(map(len, groups))
    for township in TOWNSHIPS:
        assert sum(1 for key in table if key[0] == township and key[2]) <= KEPT_AN_HOUR
        assert sum(1 for key in table if key[0] == township) <= KEPT_AN_HOUR + 1


async def test_the_same_input_within_an_hour_is_one_row_that_counts(database: Database) -> None:
    for at in (NOW, NOW + 5, NOW + HOUR_MS):
        await keep(database, [bad(1), bad(1)], at)

    async with database.reader.connect() as connection:
        page = await store.page(connection, 10, 1 << 53)
        since = await store.count_since(connection, NOW + HOUR_MS)
    assert [(row[1], row[2], row[-1]) for row in page] == [(NOW + HOUR_MS, NOW + HOUR_MS, 2), (NOW, NOW + 5, 4)]
    assert since == {"undecodable": 2}


async def test_a_flood_fills_neither_rows_nor_bytes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BYTES_KEPT", 30)
    for start in range(0, 1000, 250):
        await keep(database, [bad(n) for n in range(start, start + 250)])

    assert await figures(database) == (KEPT_AN_HOUR + 1, 1000, 30)
    await keep(database, [bad(5000, TOWNSHIPS[1], Reason.OVERSIZED)])
    assert await figures(database) == (KEPT_AN_HOUR + 2, 1001, 30)
    async with database.reader.connect() as connection:
        newest = await store.page(connection, 1, 1 << 53)
        assert await store.raw(connection, newest[0][0]) == b"noise 5000"
        assert await store.raw(connection, 1) is None


def test_bytes_are_cut_and_digest_and_size_are_of_all() -> None:
    whole = poison("371721121", "", Reason.OVERSIZED, "", b"x" * (MAX_PAYLOAD + 7))

    assert whole.raw == b"x" * MAX_PAYLOAD
    assert whole.size == MAX_PAYLOAD + 7


@given(st.text())
def test_details_are_text_that_every_screen_and_database_takes(text: str) -> None:
    shown = printable(text)

    assert shown.isprintable()
    assert "\x00" not in shown
    shown.encode()


async def test_the_list_is_served_newest_first_page_by_page_without_the_bytes(database: Database) -> None:
    await keep(database, [bad(n) for n in range(5)])
    app = FastAPI()
    app.include_router(router(database.reader))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://city") as client:
        first = (await client.get("/api/quarantine", params={"limit": 3})).json()
        second = (await client.get("/api/quarantine", params={"limit": 3, "before": first["before"]})).json()

    assert [row["id"] for row in first["quarantine"] + second["quarantine"]] == [5, 4, 3, 2, 1]
    assert second["before"] is None
    assert set(first["quarantine"][0]) == {
        "id", "at", "last_at", "township", "node", "reason", "detail", "digest", "size", "count",
    }  # fmt: skip
