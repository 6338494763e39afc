"""Visits in the city: told losslessly, counted exactly, in whatever order they come, and never taken for a rating."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from random import Random
from zoneinfo import ZoneInfo

import pytest

from cloud.board.picture import Turnout
from cloud.calendar import MINUTE_MS, Calendar
from cloud.cases import policy as cases_policy
from cloud.ledger.store import standing
from cloud.recount.recount import recount
from cloud.registry.snapshot import RegisteredNode, RegisteredWindow, Registry
from cloud.registry.speakers import Enlister
from cloud.visits import store
from cloud.visits.enlisting import lacking
from cloud.visits.panel import Panel
from cloud.visits.worker import VisitFollower
from contract.batch import Batch, StreamKey
from contract.codec import encode
from contract.identity import PROMPT
from contract.keys import Key
from contract.rating import Became, Quality, Row
from contract.signing import Signer, public_key
from contract.veil import full
from proof.audit import Account, Auditor
from proof.findings import Finding, Rule
from proof.ledger import snapshot
from proof.participation import Participation
from proof.tallies import differences
from proof.visited import visits_in
from proof.visits import Visits
from tests.cloud.conftest import EPOCH, NODE, NOW, SIGNERS, Desk, ranges
from tests.cloud.watching import filter_of

CALENDAR = Calendar("Asia/Shanghai")
DAY = CALENDAR.day(NOW)
VEIL = cases_policy.shipped().veil
TELLS = f"{NODE}.{PROMPT}"
GATEWAY = Signer(b"gateway".ljust(32, b"."))
W1, W2 = f"{NODE}/01", f"{NODE}/02"
REGISTRY = Registry(
    1,
    nodes=[
        RegisteredNode(NODE, "node", NODE[:9], public_key(SIGNERS[NODE].public), 0, None),
        RegisteredNode(TELLS, "node", NODE[:9], public_key(GATEWAY.public), 0, None),
    ],
    windows=[RegisteredWindow(W1, 0, None), RegisteredWindow(W2, 0, None)],
)


def token(number: int) -> str:
    return f"TOKEN{number:05}"


def told(first: int, *visits: tuple[str, Became, int], by: Signer = GATEWAY) -> bytes:
    """A gateway tells of `visits`: window, what became of it, token."""
    rows = [
        Row(index, window, became, 1, "3713-1", token(number)) for index, (window, became, number) in enumerate(visits)
    ]
    return by.entry(encode(Batch(1, TELLS, EPOCH, first, NOW - 60_000, Quality.SYNCHRONISED, rows)))


def rated(first: int, *ratings: tuple[str, int, int | None]) -> bytes:
    """Ratings by the buttons: window, level, token."""
    rows = [
        Row(index, window, level, 1, None, None if number is None else token(number))
        for index, (window, level, number) in enumerate(ratings)
    ]
    batch = Batch(1, NODE, EPOCH, first, NOW - 50_000, Quality.SYNCHRONISED, rows)
    return SIGNERS[NODE].entry(encode(batch))


@pytest.fixture
def city(desk: Desk) -> Desk:
    desk.registry = REGISTRY
    return desk


async def counted(desk: Desk) -> dict[str, Visits]:
    """What the city has counted, and what anybody counts in its file: the same."""
    await VisitFollower(desk.database, calendar=CALENDAR).catch_up()
    async with desk.database.reader.begin() as connection:
        found = dict(await store.between(connection, ("0", ":"), DAY, DAY))
    with snapshot(desk.path) as ledger:
        assert dict(visits_in(ledger, ZoneInfo("Asia/Shanghai")).between(DAY, DAY)) == found
    return found


def audited(desk: Desk, *changes: str) -> tuple[Account, list[Finding]]:
    """What an audit finds in a copy with `changes`, but for windows, which only memory has here, and the head."""
    found: list[Finding] = []
    keys = {NODE: [Key(public_key(SIGNERS[NODE].public))], TELLS: [Key(public_key(GATEWAY.public))]}
    with closing(sqlite3.connect(":memory:")) as ledger:
        with snapshot(desk.path) as kept:
            kept.backup(ledger)
        for sql in changes:
            ledger.execute(sql)
        account = Auditor(ledger, keys, ZoneInfo("Asia/Shanghai"), find=found.append, tell=lambda *_: None).run()
    return account, [one for one in found if one.rule not in {Rule.WINDOW, Rule.GAP, Rule.TALLY}]


PIECES: Sequence[bytes] = (
    told(1, ("01", Became.RATED, 1), ("01", Became.SILENT, 2), ("02", Became.UNSHOWN, 3)),
    told(4, ("01", Became.RATED, 4), ("02", Became.UNSHOWN, 5)),
    # 1 twice; 5 although the gateway did not know; 9 of no visit; one that was not asked for.
    rated(1, ("01", 1, 1), ("01", 3, 1), ("01", 3, None)),
    rated(4, ("02", 2, 5), ("02", 3, 9)),
)
EXPECTED = {
    W1: Visits(asked=3, rated=(0, 0, 1), silent=1, missing=1, surplus=1),
    W2: Visits(asked=2, rated=(0, 1, 0), unshown=1, surplus=1),
}


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_comes_first_visits_are_counted_exactly_and_again(city: Desk, seed: int) -> None:
    pieces = [*PIECES, *PIECES[:2]]
    Random(seed).shuffle(pieces)
    for piece in pieces:
        await city.exchange(piece)
        await VisitFollower(city.database, calendar=CALENDAR).catch_up()

    assert await counted(city) == EXPECTED


async def test_what_is_told_of_visits_is_no_rating_anywhere(city: Desk) -> None:
    answers = [ranges(await city.exchange(piece)) for piece in PIECES]
    assert answers == [([(1, 3)], [], []), ([(4, 5)], [], []), ([(1, 3)], [], []), ([(4, 5)], [], [])]

    assert city.query("SELECT channel, satisfied + basic + dissatisfied FROM tally_city") == [("button", 5)]
    assert sum(sum(1 for _ in commit.newest) for commit in city.commits) == 5
    assert (await recount(city.database, CALENDAR, lambda *_: None)).counted == 5
    assert differences(city.path, ZoneInfo("Asia/Shanghai")) == []
    async with city.database.reader.begin() as connection:
        assert await standing(connection, [StreamKey(TELLS, EPOCH), StreamKey(NODE, EPOCH)]) == {
            StreamKey(TELLS, EPOCH): [(1, 5)],
            StreamKey(NODE, EPOCH): [(1, 5)],
        }


async def test_an_audit_sees_what_is_forged_missing_or_passed_off_as_visits(city: Desk) -> None:
    await city.exchange(*PIECES)
    account, found = audited(city)
    assert (account.batches, account.ratings, account.streams, found) == (4, 5, 2, [])

    free = [f"DROP TRIGGER IF EXISTS ledger_entry_keeps_{what}" for what in ("update", "delete")]
    for sql, said in (
        ("UPDATE ledger_entry SET raw = CAST(replace(raw, ',1,1,', ',2,1,') AS BLOB) WHERE first = 1", "signed this"),
        ("UPDATE ledger_entry SET kind = 'visits' WHERE kind = 'batch' AND first = 4", "it stands as 'visits'"),
        ("DELETE FROM ledger_entry WHERE kind = 'visits' AND first = 1", "not in the ledger"),
    ):
        assert any(said in one.detail for one in audited(city, *free, sql)[1]), sql


async def test_nobody_but_the_gateway_tells(city: Desk) -> None:
    await city.exchange(told(1, ("01", Became.SILENT, 1), by=SIGNERS[NODE]))

    assert city.query("SELECT count(*) FROM ledger_entry") == [(0,)]
    assert city.query("SELECT reason FROM quarantine") == [("wrong_signature",)]


async def test_days_of_another_zone_are_counted_anew(city: Desk) -> None:
    await city.exchange(*PIECES)
    await VisitFollower(city.database, calendar=CALENDAR).catch_up()
    await VisitFollower(city.database, calendar=Calendar("Etc/GMT+12")).catch_up()

    assert {day for (day,) in city.query("SELECT day FROM visit")} == {Calendar("Etc/GMT+12").day(NOW)}
    assert await counted(city) == EXPECTED


async def test_what_is_surplus_is_flagged_and_changes_nothing(city: Desk) -> None:
    before = await counted(city)
    await city.exchange(*PIECES)
    counts = city.query("SELECT satisfied, basic, dissatisfied FROM tally_city")
    await filter_of(city.database, NOW + 36 * 3_600_000, REGISTRY).catch_up()

    flags = city.query("SELECT node, \"window\", size, figures FROM misuse_flag WHERE rule = 'surplus'")
    assert [(node, window, size) for node, window, size, _ in flags] == [(NODE, W1, 2), (NODE, W2, 1)]
    assert '"repeated":1' in str(flags[0][3])
    assert '"of_no_visit":1' in str(flags[1][3])
    assert (before, await counted(city)) == ({}, EXPECTED)
    assert city.query("SELECT satisfied, basic, dissatisfied FROM tally_city") == counts


async def test_the_wall_is_told_behind_the_veil_and_never_closer_than_is_possible(city: Desk) -> None:
    """At a window alone in asking, one visit more is one citizen more."""
    await city.exchange(*PIECES)
    await VisitFollower(city.database, calendar=CALENDAR).catch_up()
    asked = NOW - 60_000
    seen = full(asked, VEIL) + VEIL.minutes * MINUTE_MS
    async with city.database.reader.begin() as connection:
        early, due = [await Panel(CALENDAR, lambda at=at: at, VEIL).read(connection) for at in (seen - 1, seen)]  # type: ignore[misc]
    assert early is None
    # Of five who were asked one was dissatisfied and one basically satisfied.
    assert due == Turnout(asked=5, rated=2, low=12.0, high=72.0)


async def test_two_that_follow_at_once_count_once(city: Desk) -> None:
    await city.exchange(*PIECES)
    await asyncio.gather(*(VisitFollower(city.database, calendar=CALENDAR).catch_up() for _ in range(2)))

    assert await counted(city) == EXPECTED


def test_what_the_ratings_leave_possible_for_all_who_were_asked() -> None:
    visits = EXPECTED[W1].plus(EXPECTED[W2])

    said = visits.participation
    assert said is not None
    assert said == Participation(rate=said.rate, low=said.low, high=said.high)
    assert (float(said.rate), round(float(said.low), 3), round(float(said.high), 3)) == (0.4, 0.12, 0.72)
    assert Visits().participation is None


# Who may tell


def registry(*nodes: RegisteredNode) -> Registry:
    return Registry(1, nodes=nodes)


def node(name: str, key: bytes, since: int = 0, until: int | None = None) -> RegisteredNode:
    return RegisteredNode(name, "gateway" if "-g" in name else "node", name[:9], key, since, until)


def test_the_gateway_that_was_registered_last_tells_of_its_townships_nodes() -> None:
    first, second = (Signer(bytes([n]) * 32) for n in (1, 2))
    a1, g0 = node(NODE, b"n" * 32), f"{NODE[:9]}-g0"
    one = node(g0, public_key(first.public))
    two = node(f"{NODE[:9]}-g1", public_key(second.public), 5)

    assert lacking(registry(a1)) == {}
    assert lacking(registry(a1, one)) == {TELLS: first.public}
    assert lacking(registry(a1, one, two)) == {TELLS: second.public}
    assert lacking(registry(a1, one, node(TELLS, one.key))) == {}
    assert lacking(registry(a1, node(g0, one.key, 0, 9))) == {}


async def test_it_is_registered_once(city: Desk) -> None:
    async with city.database.writer.begin() as connection:
        await connection.exec_driver_sql("SELECT 1")
    gateway = node(f"{NODE[:9]}-g0", public_key(GATEWAY.public))
    known = registry(node(NODE, public_key(SIGNERS[NODE].public)), gateway)
    enlister = Enlister(
        city.database,
        lacking,
        told="gateways can tell of visits at",
        registry=lambda: known,
        registers=lambda: True,
        certify=None,
        now=lambda: NOW,
    )
    await enlister.look()
    await enlister.look()

    assert city.query("SELECT node, kind FROM node") == [(TELLS, "node")]
