"""Alerts on a real database, by a clock that the test turns: each once, told in order, closed when it is over."""

import asyncio
from collections.abc import Sequence

import pytest

from cloud.alerts import store, watcher
from cloud.alerts.alert import Alert, AlertRefused
from cloud.alerts.desk import AlertDesk
from cloud.alerts.policy import shipped
from cloud.alerts.store import Asked
from cloud.alerts.watcher import Watcher
from cloud.cases.escalator import Escalator
from cloud.database import Database, write
from cloud.hours.holder import offices_of
from cloud.hours.rules import NOTHING
from cloud.notices import store as notices
from cloud.notices.letter import Letter, Line
from cloud.notices.outbox import Outbox
from cloud.notices.rules import Notice
from cloud.people import accounts
from cloud.people.accounts import Holder
from cloud.people.rules import Person, Role
from cloud.registry.snapshot import Registry, names_of
from cloud.rota import store as rota
from cloud.rota.rules import Turn
from cloud.tallies.store import ADD_MINUTE
from tests.cloud.docket import CALENDAR, NOON, POLICY, WINDOW, at, desk_of, person, put, request

MINUTE_MS = 60_000
FIVE = 5 * MINUTE_MS
PATIENCE = shipped().patience_minutes * MINUTE_MS
RATE = shipped().rate
TOWNSHIP, COUNTY = WINDOW[:9], WINDOW[:6]
LEADERS: dict[str, tuple[Role, str]] = {
    "wang": ("township", TOWNSHIP),
    "li": ("township", TOWNSHIP),
    "zhao": ("supervisor", COUNTY),
    "qian": ("supervisor", COUNTY),
    "sun": ("operator", "city"),
}
OTHER = f"{WINDOW.partition('/')[0]}/02"


class Clocked:
    """A watcher whose clock a test turns, with one way out, and a standing turn of each place."""

    def __init__(self, database: Database, *, duty: bool = True) -> None:
        self.now = NOON
        self.database = database
        self.work = Watcher(
            database,
            Outbox(["webhook oa"]),
            policy=shipped(),
            veil=POLICY.veil,
            registry=Registry,
            now=lambda: self.now,
            may_watch=lambda: duty,
        )
        self.desk = AlertDesk(database, now=lambda: self.now)

    async def staffed(self) -> None:
        turns = [(TOWNSHIP, "wang", "li"), (COUNTY, "zhao", "qian"), ("city", "sun", None)]
        async with self.database.writer.begin() as connection:
            for name in ("wang", "li", "zhao", "qian", "sun"):
                role, where = LEADERS[name]
                await accounts.put(connection, Person(name, role, where), Holder(name), NOON)
            for place, a, b in turns:
                await rota.put(connection, Turn(place, 0, None, a, b))

    async def at(self, moment: int) -> None:
        self.now = moment
        await self.work.look()

    async def alerts(self, *, closed: bool = True, place: str = "city") -> list[Alert]:
        async with self.database.reader.begin() as connection:
            return await store.page(connection, Asked(names_of(place), closed), 50)

    async def history(self, number: int) -> list[tuple[str, str | None]]:
        async with self.database.reader.begin() as connection:
            return [(step.action, step.holder) for step in await store.steps(connection, number)]

    async def queued(self) -> list[Notice]:
        async with self.database.reader.begin() as connection:
            return (await notices.page(connection, 1 << 53, 50))[::-1]

    async def rate(self, moment: int, window: str, *n: int, channel: str = "button") -> None:
        async with self.database.writer.begin() as connection:
            await write(connection, ADD_MINUTE, [(moment // MINUTE_MS, window, channel, *n)])


@pytest.fixture
async def clocked(database: Database) -> Clocked:
    made = Clocked(database)
    await made.staffed()
    return made


def holders(alerts: Sequence[Alert]) -> list[str | None]:
    return [alert.holder for alert in alerts]


async def test_a_new_case_is_told_to_a_and_unless_acknowledged_to_b_and_on(clocked: Clocked) -> None:
    await put(clocked.database, WINDOW)
    heard = []
    for moment in (0, PATIENCE - 1, PATIENCE, 2 * PATIENCE, 3 * PATIENCE, 4 * PATIENCE, 9 * PATIENCE):
        await clocked.at(NOON + moment)
        heard.append(holders(await clocked.alerts()))
    assert heard == [[name] for name in ("wang", "wang", "li", "zhao", "qian", "sun", "sun")]
    assert await clocked.history(1) == [
        ("raise", None),
        *[("tell", name) for name in ("wang", "li", "zhao", "qian", "sun")],
    ]
    assert [(notice.recipient, notice.channel) for notice in await clocked.queued()] == [
        (name, "webhook oa") for name in ("wang", "li", "zhao", "qian", "sun")
    ]


async def test_who_acknowledges_ends_the_passing_on(clocked: Clocked) -> None:
    await put(clocked.database, WINDOW)
    await clocked.at(NOON)
    await clocked.desk.act(1, "acknowledge", "", Person("wang", "township", TOWNSHIP), seen=2)
    await clocked.at(NOON + 9 * PATIENCE)
    (alert,) = await clocked.alerts()
    assert (alert.state, alert.holder) == ("acknowledged", "wang")
    assert len(await clocked.queued()) == 1


async def test_nobody_is_told_before_the_veil_is_lifted(clocked: Clocked) -> None:
    await put(clocked.database, WINDOW, seen_from=NOON + FIVE)
    await clocked.at(NOON + FIVE - 1)
    assert await clocked.alerts() == []
    await clocked.at(NOON + FIVE)
    assert holders(await clocked.alerts()) == ["wang"]


async def test_alerts_of_one_moment_are_one_letter(clocked: Clocked) -> None:
    await put(clocked.database, *[WINDOW] * 25)
    await clocked.at(NOON)
    assert len(await clocked.alerts()) == 25
    (notice,) = await clocked.queued()
    assert notice.letter.title.en == "Manyi: 25 alerts wait for you"
    assert (len(notice.letter.lines), notice.letter.path) == (21, "/alerts")


async def test_a_case_that_somebody_looks_into_closes_its_alert(clocked: Clocked) -> None:
    await put(clocked.database, WINDOW, OTHER)
    await clocked.at(NOON)
    await desk_of(clocked.database, lambda: NOON).act(1, request("verify"), person())
    await clocked.at(NOON + 5)
    assert [(one.number, one.state) for one in await clocked.alerts()] == [(2, "open"), (1, "closed")]
    assert (await clocked.history(1))[-1] == ("close", None)


async def test_a_case_that_rises_is_an_alert_of_that_level_each_time_it_does(clocked: Clocked) -> None:
    await put(clocked.database, WINDOW)
    await clocked.at(NOON)
    escalator = Escalator(
        clocked.database,
        policy=POLICY,
        calendar=CALENDAR,
        offices=lambda: offices_of(NOTHING, CALENDAR),
        now=lambda: clocked.now,
    )

    async def later(day: str) -> Sequence[tuple[str, str, str | None]]:
        clocked.now = CALENDAR.end(day)
        await escalator.look()
        await clocked.work.look()
        await clocked.work.look()
        return [(one.level, one.state, one.holder) for one in await clocked.alerts()][::-1]

    # Opened on Wednesday, 18 November: to be verified by the 25th, before the city from the 30th on.
    at_first = ("township", "closed", "wang")
    assert await later("2026-11-25") == [at_first, ("county", "open", "zhao")]
    assert await later("2026-11-30") == [at_first, ("county", "closed", "zhao"), ("city", "open", "sun")]
    await desk_of(clocked.database, lambda: clocked.now).act(1, request("verify"), person("township"))
    await clocked.work.look()
    assert [one.state for one in await clocked.alerts()] == ["closed"] * 3
    # The next obligation is overdue in its turn.
    assert (await later("2026-12-09"))[3:] == [("county", "open", "zhao")]


async def test_a_city_that_was_away_finds_what_there_is_and_a_second_look_finds_no_more(clocked: Clocked) -> None:
    await put(clocked.database, WINDOW, OTHER)
    await clocked.at(NOON + 5)
    again = Clocked(clocked.database)
    await again.at(NOON + 6)
    assert len(await again.alerts()) == 2
    assert len(await again.queued()) == 1


async def test_who_may_not_watch_does_not(database: Database) -> None:
    await put(database, WINDOW)
    clocked = Clocked(database, duty=False)
    await clocked.at(NOON)
    assert await clocked.alerts() == []


async def test_too_many_dissatisfied_at_a_window_are_an_alert_at_full_five_minutes(clocked: Clocked) -> None:
    bad = at("11:40")
    await clocked.rate(bad, WINDOW, 1, 0, RATE.count)
    await clocked.rate(bad, OTHER, 40, 3, 1)
    await clocked.rate(bad, f"{TOWNSHIP}-a1/03", 0, 0, RATE.least - 1)
    await clocked.at(bad + FIVE)
    # Up to five minutes ago: what was pressed just now is in no alert.
    assert await clocked.alerts() == []
    await clocked.at(bad + 2 * FIVE - 1)
    assert await clocked.alerts() == []
    await clocked.at(bad + 2 * FIVE + 7)
    (alert,) = await clocked.alerts()
    assert (alert.kind, alert.window, alert.channel, alert.holder) == ("rate", WINDOW, "button", "wang")
    assert alert.figures is not None
    assert alert.figures.counts == (1, 0, RATE.count)
    (notice,) = await clocked.queued()
    # Of two letters with counts the difference would be single grades of today.
    assert notice.letter.lines[0].en.endswith("too many were dissatisfied within 60 minutes")


async def test_a_channel_is_looked_at_by_itself(clocked: Clocked) -> None:
    bad = at("11:40")
    await clocked.rate(bad, WINDOW, 0, 0, RATE.least - 1)
    await clocked.rate(bad, WINDOW, 0, 0, RATE.least - 1, channel="qr")
    await clocked.at(bad + 2 * FIVE)
    assert await clocked.alerts() == []
    await clocked.rate(bad, WINDOW, 0, 0, 1, channel="qr")
    await clocked.at(bad + 3 * FIVE)
    assert [one.channel for one in await clocked.alerts()] == ["qr"]


async def test_a_rate_is_one_alert_while_it_lasts_and_closes_after_a_quiet_while(clocked: Clocked) -> None:
    bad = at("11:40")
    await clocked.rate(bad, WINDOW, 0, 0, RATE.count)
    for looks in range(2, 14):
        await clocked.at(bad + looks * FIVE)
    (alert,) = await clocked.alerts()
    assert alert.state != "closed"
    out = bad + RATE.minutes * MINUTE_MS + FIVE
    assert alert.breached_at == out
    quiet_ms = RATE.quiet_minutes * MINUTE_MS
    await clocked.at(out + quiet_ms - FIVE)
    assert [one.state for one in await clocked.alerts()] == ["open"]
    await clocked.at(out + quiet_ms)
    assert [one.state for one in await clocked.alerts()] == ["closed"]
    await clocked.rate(clocked.now, WINDOW, 0, 0, RATE.count)
    await clocked.at(clocked.now + 2 * FIVE)
    assert [one.state for one in await clocked.alerts()] == ["open", "closed"]


async def test_who_closes_a_rate_is_not_alerted_of_the_same_ratings_again(clocked: Clocked) -> None:
    bad = at("11:40")
    await clocked.rate(bad, WINDOW, 0, 0, RATE.count)
    await clocked.at(bad + 2 * FIVE)
    await clocked.desk.act(1, "close", "去看过了", Person("wang", "township", TOWNSHIP))
    for looks in range(3, 40):
        await clocked.at(bad + looks * FIVE)
    assert [one.number for one in await clocked.alerts()] == [1]
    await clocked.rate(clocked.now, WINDOW, 0, 0, RATE.count)
    await clocked.at(clocked.now + 2 * FIVE)
    assert [one.number for one in await clocked.alerts()] == [2, 1]


async def test_whoever_has_left_or_moved_is_told_nothing(clocked: Clocked) -> None:
    async with clocked.database.writer.begin() as connection:
        await accounts.end(connection, "wang", NOON)
        await accounts.put(connection, Person("zhao", "supervisor", "371722"), Holder("赵"), NOON)
    await put(clocked.database, WINDOW)
    for step in range(6):
        await clocked.at(NOON + step * PATIENCE)
    assert [holder for _, holder in await clocked.history(1)] == [None, "li", "qian", "sun"]


async def test_a_clock_that_ran_ahead_for_a_while_silences_nothing(clocked: Clocked) -> None:
    await put(clocked.database, WINDOW)
    await clocked.at(NOON + 5 * 365 * 86_400_000)
    assert (await clocked.alerts())[0].holder == "wang"
    bad = at("11:40")
    await clocked.rate(bad, OTHER, 0, 0, RATE.count)
    await clocked.at(bad + 2 * FIVE)
    assert [one.kind for one in await clocked.alerts()] == ["rate", "case"]
    assert (await clocked.alerts())[1].holder == "li"


async def test_two_who_look_for_one_moment_raise_one_alert(clocked: Clocked) -> None:
    bad = at("11:40")
    await clocked.rate(bad, WINDOW, 0, 0, RATE.count)
    other = Clocked(clocked.database)
    other.now = clocked.now = bad + 2 * FIVE
    await asyncio.gather(clocked.work.look(), other.work.look())
    assert len(await clocked.alerts()) == 1


async def test_who_acts_on_what_has_changed_meanwhile_is_told_to_look_again(clocked: Clocked) -> None:
    await put(clocked.database, WINDOW)
    await clocked.at(NOON)
    li = Person("li", "operator", "city")
    with pytest.raises(AlertRefused, match="changed meanwhile"):
        await clocked.desk.act(1, "acknowledge", "", li, seen=1)
    with pytest.raises(AlertRefused, match="there is no alert 9"):
        await clocked.desk.act(9, "acknowledge", "", li)
    await clocked.desk.act(1, "acknowledge", "", li, seen=2)


async def test_the_list_is_of_the_place_and_of_who_has_it(clocked: Clocked) -> None:
    await put(clocked.database, WINDOW, "371722101-a1/01")
    await clocked.at(NOON)
    assert [one.window for one in await clocked.alerts(place=TOWNSHIP)] == [WINDOW]
    async with clocked.database.reader.begin() as connection:
        mine = await store.page(connection, Asked(names_of("city"), holder="sun"), 50)
        assert [one.window for one in mine] == ["371722101-a1/01"]
        assert await store.waiting(connection, "wang") == 1


async def test_it_looks_again_and_says_when_the_database_is_away(
    clocked: Clocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> int:
        raise OSError("the cable is out")

    monkeypatch.setattr(watcher, "LOOK_S", 0.005)
    work = Clocked(clocked.database).work
    async with asyncio.TaskGroup() as tasks:
        with monkeypatch.context() as patched:
            patched.setattr(store, "mark", away)
            running = tasks.create_task(work.run())
            while "the cable is out" not in (work.trouble or ""):
                await asyncio.sleep(0.005)
        while work.trouble is not None:
            await asyncio.sleep(0.005)
        running.cancel()


async def test_a_mail_is_only_for_who_has_a_mailbox(database: Database) -> None:
    async with database.writer.begin() as connection:
        await accounts.put(connection, Person("wang", "township", TOWNSHIP), Holder("王"), NOON)
        await accounts.put(connection, Person("li", "township", TOWNSHIP), Holder("李", mail="li@example.org"), NOON)
        await accounts.put(connection, Person("gone", "township", TOWNSHIP), Holder("走"), NOON)
        await accounts.end(connection, "gone", NOON)
        for name in ("wang", "li", "nobody", "gone"):
            await Outbox(["webhook oa", "mail"]).put(connection, name, letter(), NOON)
        found = await notices.page(connection, 1 << 53, 50)
    assert sorted((one.recipient, one.channel) for one in found) == [
        ("li", "mail"),
        ("li", "webhook oa"),
        ("wang", "webhook oa"),
    ]


def letter() -> Letter:
    return Letter("alerts", Line("有", "there is"), [], "/alerts")
