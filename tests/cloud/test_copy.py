"""A city copied into another database: equal in every row, interrupted anywhere, and never over something else."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.alerts import store as alerts
from cloud.alerts.alert import Figures
from cloud.alerts.rules import of_case, of_rate
from cloud.appeals import store as appeals
from cloud.carriers import store as carriers
from cloud.carriers.rules import Anchor, Press, dated
from cloud.cases import store as cases
from cloud.cases.case import Rating
from cloud.cases.rules import opened
from cloud.configs import store as configs
from cloud.configs.rules import Timing
from cloud.contacts import store as contacts
from cloud.contacts.rules import Contact
from cloud.copy import sheet
from cloud.copy.move import Moved, Place, move
from cloud.copy.rules import APPENDED, COUNTED, Mark, Sum, goes_on, in_order
from cloud.copy.target import check_finished
from cloud.database import metadata, open_database, write
from cloud.digests import store as digests
from cloud.digests.rules import Period
from cloud.filtered import store as filtered
from cloud.halls import store as halls
from cloud.halls.document import Document
from cloud.homes import store as homes
from cloud.homes.rules import Visit
from cloud.hours import store as hours
from cloud.hours.rules import Closure, Hours, SpecialDay
from cloud.imports import store as plans
from cloud.imports.differences import Difference
from cloud.imports.store import Plan
from cloud.judgements import store as judgements
from cloud.ledger.store import Entry, enter
from cloud.misuse import store as misuse
from cloud.notices import store as notices
from cloud.notices.letter import Letter, Line
from cloud.people import sessions, tokens
from cloud.people.accounts import Holder
from cloud.people.inviting import invite
from cloud.people.rules import Person
from cloud.people.tokens import TokenForm
from cloud.phone import store as phone
from cloud.quarantine import store as quarantine
from cloud.quarantine.rules import poison
from cloud.reasons import store as reasons
from cloud.reasons.rules import Left
from cloud.registry import auditors
from cloud.registry import store as registry
from cloud.registry.auditors import AuditorForm
from cloud.rota import store as rota
from cloud.rota.rules import Turn
from cloud.staffing import store as staffing
from cloud.staffing.rules import Named, Staff, Tenure
from cloud.staffing.seats import SIGN
from cloud.updates import store as updates
from cloud.updates.rules import Member, Update
from cloud.visits import store as visits
from cloud.visits.store import Asked, Rated
from contract.batch import Batch, StreamKey
from contract.codec import encode
from contract.errors import Reason, SettingsError, Unavailable
from contract.rating import Quality, Row
from tests.cloud.conftest import EPOCH, NODE, NOW, SIGNERS, TOWNSHIP, Desk, entry, hello
from tests.cloud.docket import TERMS
from tests.cloud.moving import ZONE, PowerCut, content, cut, empty, untold
from tests.cloud.moving import opened as opened_target
from tests.cloud.where import OnServer, Where
from tests.judging import judgement, signed

# A PostgreSQL of one's own begins with making it, on a busy machine.
pytestmark = pytest.mark.timeout(60)

DAY_MS = 86_400_000
# Another run of the node.
OTHER = "q7Zk2wX0aC"


@pytest.fixture
def target(request: pytest.FixtureRequest, where: Where, tmp_path: Path) -> Place:
    """Where to copy to, of the other kind: a file that is not there yet, or a database without a table."""
    return empty(request, "sqlite" if isinstance(where, OnServer) else "postgresql", tmp_path)


# What no room has a hand for.
ROWS = (
    "INSERT INTO series_cursor VALUES (1, 3)",
    "INSERT INTO series_reject (at, line, reason) VALUES (1, 'x', '坏')",
    "INSERT INTO skewed_clock (node, off_ms, since, seen) VALUES ('n', 5000, 1, 2)",
    "INSERT INTO misuse_cursor VALUES (1, 3, '2026-11-21', '1 Asia/Shanghai')",
    "INSERT INTO misuse_node VALUES ('n', '2026-11-22', 'b')",
    "INSERT INTO case_cursor VALUES (1, 3)",
    "INSERT INTO bound_subject VALUES ('li', 'https://id.example', 'a-1', 1)",
    "INSERT INTO oidc_trip VALUES ('d', 'enter', '', '/desk', 9)",
    "INSERT INTO appeal_head VALUES (1, 1)",
    "INSERT INTO case_news VALUES (1, 3)",
    "INSERT INTO visit_cursor VALUES (1, 3, 'Asia/Shanghai')",
)


async def fill_phones(connection: AsyncConnection) -> None:
    """A rating by telephone, with a reason and a contact that waits."""
    by_phone = StreamKey(f"{NODE}.phone", EPOCH)
    await phone.next_number(connection, by_phone, NOW)
    await phone.take(connection, (f"{NODE}/01", NOW // 60_000), "r" * 43, (by_phone, 1), NOW, b"{}")
    await contacts.wait(connection, "1" * 32, (by_phone.node, EPOCH, 1), NOW)
    await reasons.put(connection, (by_phone.node, EPOCH, 1), Left("waited", "等了很久", None), NOW)


async def fill_homes(connection: AsyncConnection) -> None:
    """An assistant's telephone, its stream, a visit, and the batch with its rating."""
    await carriers.add(connection, ("T" * 10, "home", f"{NODE}/01", "王帮办"), ("0" * 64, NOW), (NOW, "li"))
    await carriers.set_up(connection, "T" * 10, "1" * 64, NOW)
    by_home, anchor = StreamKey(f"{NODE}.home", EPOCH), Anchor(1, 5, NOW, NOW)
    standing = await carriers.hold(connection, by_home, f"{NODE}/01")
    made, _ = dated([Press(1, 4, NOW, 3, 1)], 1, "01", (anchor, None), NOW)
    await carriers.keep(connection, by_home, [(one, b"{}") for one in made], NOW)
    await carriers.move(connection, by_home, "T" * 10, standing._replace(last=1, rated=1, anchor=anchor))
    visit = Visit(1, 4, NOW, 3, 1, "home", "李庄村", "社保卡", "2026-11-22T10:15", "")
    telephone = await carriers.by_secret(connection, "home", "1" * 64)
    assert telephone is not None
    await homes.keep(connection, telephone, by_home, [(1, 1, visit)], NOW)


@pytest.fixture
async def city(desk: Desk) -> Desk:
    """A city with something in every table that a city fills."""
    await registry.seed_places(desk.database.writer)
    async with desk.database.writer.begin() as connection:
        for row in ROWS:
            await write(connection, row)
        await write(connection, registry.PUT_WINDOW, [(f"{NODE}/01", 0, None), (f"{NODE}/02", 5, 9)])
        await write(connection, registry.ADD_NODE, [(NODE, "node", TOWNSHIP, "k" * 43, 0)])
        await write(connection, configs.ADD, [(NODE, 7, NOW, "registration", "", '{"say":"满意"}')])
        update = Update(1, NOW, "li", "city", Timing(500, None), 1, 2, "慢", stage=1, stage_at=NOW)
        await updates.add(connection, update, [Member(NODE, 1, 7)])
        await auditors.put(connection, [AuditorForm("wang", "王审计", "A" * 43)], NOW)
        await invite(
            connection, Person("li", "admin", "city"), Holder("李"), now=NOW, random_bits=lambda bits: bits, by="test"
        )
        await sessions.begin(connection, "d" * 64, "li", "word", NOW, NOW + 1)
        await tokens.put(connection, [TokenForm("wall-1", "wall", "e" * 64)], NOW)
        await registry.raise_version(connection, NOW)
        await write(connection, misuse.KEEP, [("n", "2026-11-21", 3, b"\x80")])
        await write(connection, misuse.FLAG, [("n", "2026-11-21", "double", "n/1", 5, 6, "v", 1, "[]", "{}")])
        await write(
            connection, appeals.PUT, [(1, "2026Q3", 1, "371721", "misuse", "不对", "li", 5, "filed", "", None, None, 1)]
        )
        case, step = opened(1, f"{NODE}/01", NOW - 5, NOW, TERMS)
        await cases.put(connection, [(case, step)])
        await cases.put_ratings(connection, [(Rating(NODE, EPOCH, 3, case.window, NOW - 5, 1, NOW, NOW + 5, 2), 1)])
        await contacts.put(connection, "0" * 32, 1, Contact("13812345678", "王女士"), NOW, "li")
        await fill_phones(connection)
        await fill_homes(connection)
        await halls.put(connection, Document(), NOW)
        asked = Asked(NODE, "TOKEN_____", f"{NODE}/01", "2026-11-21", None, NOW, 2)
        await visits.take(connection, [asked], [Rated(NODE, "TOKEN_____", f"{NODE}/01", "2026-11-21", 3, 1, 1)])
        await rota.put(connection, Turn("city", 5, None, "li", None))
        alert = of_rate(1, case.window, Figures("button", 60, 1, 2, 3), NOW, NOW)
        await alerts.put(connection, [alert, of_case(2, 1, 1, case.window, "county", NOW)])
        await alerts.move(connection, NOW, NOW)
        letter = Letter("day", Line("日报", "digest"), [], "/desk")
        await notices.put(connection, "li", ["webhook oa", "mail"], letter, NOW)
        await digests.move(connection, Period("day", "2026-11-21", "2026-11-21"), "2026-11-22")
        await write(connection, filtered.COUNT, [(5, "n/1", "button", 1, 0, 0)])
        day = "2026-11-21"
        closures, days = [Closure("city", day, day, "停电")], [SpecialDay(day, "rest", "x")]
        await hours.put(connection, [Hours("city", day, None, ())], closures, days)
        hall, li = Named(f"{TOWNSHIP}:zw", "政务大厅", "Hall"), Named(f"{TOWNSHIP}:1024", "李敏", "Li Min")
        held = [[Tenure(f"{NODE}/01", 60_000, None, one.code)] for one in (hall, li)]
        await staffing.put(connection, Staff([hall], held[0], [li], held[1]), {f"{NODE}/01"})
        await write(connection, SIGN, [(f"{NODE}/01", 60_000, 120_000, li.code, "li")])
        plan = Plan(1, NOW, "li", "duties", "值班.csv", "0" * 64, 1, 1, 0, 0)
        await plans.add(connection, plan, b"{}", [Difference(2, "duty", ("n/1", 5), None, (None, "李"))])
    for number in range(12):
        await desk.exchange(entry(3 * number + 1, ("01", 3), ("02", 2), ("09", 1)))
    guessed = Batch(1, NODE, OTHER, 1, NOW - 9000, Quality.ESTIMATED, [Row(0, "01", 3, 1)], bounds=(NOW - 10_000, NOW))
    await desk.exchange(SIGNERS[NODE].entry(encode(guessed)))
    await desk.exchange(entry(36, ("01", 3), ("02", 2)), hello(NODE), b'{"noise":\xff}\nx')
    await uphold(desk)
    return desk


async def uphold(desk: Desk) -> None:
    one = signed(judgement(NODE, ZONE.day(NOW), [(EPOCH, 1, 1)], span=(NOW - DAY_MS, NOW)))
    async with desk.database.writer.begin() as connection:
        await enter(connection, Entry("judgement", NODE, one.judgement.day, 1, 1, NOW, "", one.raw))
        found = await judgements.counting(connection, one.judgement.numbers)
        await judgements.add(connection, judgements.cells(found))


def place_of(desk: Desk) -> Place:
    return Place(desk.where.database)


async def moved(desk: Desk, target: Place) -> Moved:
    return await move(place_of(desk), target, ZONE, untold)


async def test_every_table_of_the_city_is_copied_and_verified(city: Desk, target: Place) -> None:
    copied, account = await moved(city, target)

    assert copied.disagreements == []
    assert copied.fresh == sum(copied.rows.values())
    assert set(copied.rows) == set(metadata.tables)
    assert {name for name, rows in copied.rows.items() if not rows} <= {"ledger_commit"}
    assert account is not None
    assert (account.equal, account.counted) == (True, 26)
    async with await opened_target(target) as database:
        assert await content(database) == await content(city.database)


async def test_numbers_that_the_database_gives_go_on_behind_the_copied_ones(city: Desk, target: Place) -> None:
    copied, _ = await moved(city, target)

    async with await opened_target(target) as database:
        async with database.writer.begin() as connection:
            more = poison(TOWNSHIP, "", Reason.UNSIGNED, "noise", b"other noise")
            await quarantine.keep(connection, [more], NOW)
            await write(connection, "INSERT INTO series_reject (at, line, reason) VALUES (2, 'y', 'z')")
        kept = await content(database)
    for table in ("quarantine", "series_reject"):
        assert {row[0] for row in kept[table]} == set(range(1, copied.rows[table] + 2))


def cut_after(rows: int) -> Callable[[str, int, int], None]:
    def tell(step: str, done: int, _total: int) -> None:
        if step == "copy" and done >= rows:
            raise PowerCut

    return tell


@pytest.mark.parametrize("share", [0.02, 0.5, 1.0])
async def test_an_interrupted_copy_goes_on(
    city: Desk, target: Place, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "PAGE", 4)
    total = sum(map(len, (await content(city.database)).values()))
    with pytest.raises(PowerCut):
        await move(place_of(city), target, ZONE, cut_after(int(total * share)))

    copied, account = await moved(city, target)

    assert copied.disagreements == []
    assert account is not None
    assert account.equal
    # What stands in the ledger and in the tallies was not copied again.
    assert copied.fresh <= total - min(int(total * share), copied.rows["ledger_entry"])
    async with await opened_target(target) as database:
        assert await content(database) == await content(city.database)
        await check_finished(database, "it")


@pytest.mark.parametrize(("step", "share"), [("verify", 0), ("verify", 1), ("recount", 0), ("recount", 1)])
async def test_a_copy_that_is_not_counted_again_yet_is_unfinished_and_goes_on(
    city: Desk, target: Place, step: str, share: float
) -> None:
    with pytest.raises(PowerCut):
        await move(place_of(city), target, ZONE, cut(step, share))
    async with await opened_target(target) as database:
        with pytest.raises(SettingsError, match="unfinished copy of"):
            await check_finished(database, "it")

    copied, account = await moved(city, target)

    assert (copied.disagreements, account is not None and account.equal) == ([], True)
    assert copied.fresh <= sum(copied.rows.values()) - copied.rows["ledger_entry"]
    async with await opened_target(target) as database:
        assert await content(database) == await content(city.database)
        await check_finished(database, "it")


@pytest.mark.parametrize("when", ["copy", "verify", "recount"])
async def test_a_database_that_goes_away_is_said_with_what_to_do(city: Desk, target: Place, when: str) -> None:
    def tell(step: str, _done: int, _total: int) -> None:
        if step == when:
            raise OSError("the cable is out")

    with pytest.raises(Unavailable, match="the cable is out; run the same command again, it goes on where it was"):
        await move(place_of(city), target, ZONE, tell)
    copied, account = await moved(city, target)
    assert (copied.disagreements, account is not None and account.equal) == ([], True)


async def test_what_came_to_the_source_meanwhile_is_copied_too(
    city: Desk, target: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "PAGE", 4)
    total = sum(map(len, (await content(city.database)).values()))
    with pytest.raises(PowerCut):
        await move(place_of(city), target, ZONE, cut_after(total - 2))
    await city.exchange(entry(50, ("01", 1), ("02", 1)))

    copied, account = await moved(city, target)

    assert (copied.disagreements, account is not None and account.equal) == ([], True)
    async with await opened_target(target) as database:
        assert await content(database) == await content(city.database)


async def test_the_city_may_run_meanwhile_and_the_copy_is_of_one_moment(city: Desk, target: Place) -> None:
    before = await content(city.database)
    sent: list[bool] = []

    def tell(step: str, done: int, _total: int) -> None:
        if not sent:
            sent.append(True)
            city.send(entry(60, ("01", 1), ("02", 1)))

    copied, account = await move(place_of(city), target, ZONE, tell)
    await city.settled()

    assert (copied.disagreements, account is not None and account.equal) == ([], True)
    async with await opened_target(target) as database:
        assert await content(database) == before != await content(city.database)


async def test_half_a_copy_is_no_city_and_no_place_for_another(city: Desk, target: Place, tmp_path: Path) -> None:
    with pytest.raises(PowerCut):
        await move(place_of(city), target, ZONE, cut_after(20))
    async with await opened_target(target) as database:
        with pytest.raises(SettingsError, match="unfinished copy of"):
            await check_finished(database, "it")
    async with await open_database(str(tmp_path / "other.db")):
        pass

    with pytest.raises(SettingsError, match=r"unfinished copy of .*: finish that one, or give an empty database"):
        await move(Place(str(tmp_path / "other.db")), target, ZONE, untold)


async def test_nothing_is_overwritten(city: Desk, target: Place) -> None:
    await moved(city, target)
    async with await opened_target(target) as database:
        before = await content(database)

        with pytest.raises(SettingsError, match=r"is not empty \(ledger_entry has rows\).*give a new database"):
            await moved(city, target)
        assert await content(database) == before


async def test_a_city_is_not_copied_onto_itself(city: Desk) -> None:
    with pytest.raises(SettingsError, match="source and target at once"):
        await moved(city, place_of(city))


async def test_a_source_whose_ledger_is_another_is_refused(
    city: Desk, target: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "PAGE", 4)
    with pytest.raises(PowerCut):
        await move(place_of(city), target, ZONE, cut_after(8))
    async with await opened_target(target) as database, database.writer.begin() as connection:
        await write(
            connection,
            "INSERT INTO ledger_entry (position, kind, node, epoch, first, last, received_at, lane, raw) "
            "VALUES (9999, 'admit', '', '', 0, 0, 0, '', :raw)",
            [(b"{}",)],
        )

    with pytest.raises(SettingsError, match="another entry 9999"):
        await moved(city, target)


async def test_a_row_that_went_wrong_is_found_and_its_table_copied_anew(
    city: Desk, target: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "PAGE", 4)
    total = sum(map(len, (await content(city.database)).values()))
    with pytest.raises(PowerCut):
        await move(place_of(city), target, ZONE, cut_after(total))
    async with await opened_target(target) as database, database.writer.begin() as connection:
        await write(connection, "UPDATE tally_minute SET basic = basic + 1")

    copied, account = await moved(city, target)
    assert account is None
    assert [line.partition(":")[0] for line in copied.disagreements] == ["tally_minute"]
    assert copied.disagreements[0].endswith("run it again to copy that anew")

    copied, account = await moved(city, target)
    assert (copied.disagreements, account is not None and account.equal) == ([], True)
    assert copied.fresh >= copied.rows["tally_minute"]


async def test_tallies_that_were_wrong_already_are_told_of(city: Desk, target: Place) -> None:
    async with city.database.writer.begin() as connection:
        await write(connection, "UPDATE tally_city SET basic = basic + 1")

    copied, account = await moved(city, target)

    assert copied.disagreements == []
    assert account is not None
    assert account.differing["tally_city"] == 1
    async with await opened_target(target) as database:
        await check_finished(database, "it")


def test_tables_come_in_the_order_that_saves_most_and_the_head_last() -> None:
    order = in_order(metadata.tables)

    kept = len(APPENDED)
    assert order[0] == "ledger_entry"
    assert set(order[:kept]) == APPENDED
    assert set(order[kept : kept + len(COUNTED)]) == COUNTED
    assert order[-1] == "ledger_head"
    assert {"tally_city", "tally_day", "tally_minute", "tally_township", "uncounted"} < COUNTED


def test_what_may_be_kept_of_an_interrupted_copy() -> None:
    now, later = Mark(5, 3), Mark(5, 4)

    assert all(goes_on("ledger_entry", now, mark) for mark in (now, later))
    assert goes_on("tally_day", now, now)
    assert not goes_on("tally_day", now, later)
    assert not goes_on("hello", now, now)


def test_a_sum_does_not_care_about_order_and_sees_every_difference() -> None:
    rows: list[tuple[object, ...]] = [(1, "a", b"x", None), (2, "b", b"", 0), (3, "", None, -1)]

    def text(*given: tuple[object, ...]) -> str:
        one = Sum()
        one.add(given)
        return one.text

    assert text(*rows) == text(*reversed(rows))
    others = [rows[:2], [*rows[:2], (3, "", None, 1)], [*rows[:2], (3, "", b"", -1)], [*rows, rows[0]]]
    assert len({text(*other) for other in [rows, *others]}) == 5


def test_a_copy_knows_every_table_though_nothing_else_of_the_city_was_loaded(upgraded_file: Path) -> None:
    """A table that a copy does not know is lost by every backup, and nobody is told."""
    asked = (
        "import cloud.copy.backup; from cloud.copy.sheet import sheets; print(*sorted(one.name for one in sheets()))"
    )
    known = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    with closing(sqlite3.connect(upgraded_file)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        made = {name for (name,) in rows} - {"alembic_version"}
    assert set(known) == made
