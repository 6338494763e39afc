"""Filing a judgement: who may, about what, and exactly which ratings then leave the reports and come back."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from cloud.database import Database, fetch, write
from cloud.judgements import looking
from cloud.judgements.filing import file
from cloud.judgements.rules import judgement_of, name_of
from cloud.misuse import store as misuse
from cloud.misuse.rules import Flag
from cloud.recount.recount import mend, recount
from cloud.registry.load import register
from cloud.reports.publishing import Wish, publish
from contract.batch import Batch
from contract.errors import SettingsError, Unavailable
from contract.seal import NOTHING
from contract.signing import Signer
from proof.judgement import Filed, Verdict
from proof.period import period
from proof.policy import shipped
from tests.cloud.test_misuse_worker import NEXT, TOMORROW, made
from tests.cloud.watching import CALENDAR, DAY, NODE, commit, filter_of
from tests.judging import AUDITORS, REGISTER, REGISTERED, signed

pytestmark = pytest.mark.timeout(60)

AT = TOMORROW + 3_600_000
CITY = Signer(b"9" * 32)


@pytest.fixture
async def flagged(database: Database) -> Database:
    """A month with misuse on its last day, flagged, and three auditors."""
    await commit(database, made())
    await filter_of(database, TOMORROW).catch_up()
    async with database.writer.begin() as connection:
        await write(connection, REGISTER, REGISTERED)
    return database


async def flags(database: Database) -> dict[str, Flag]:
    """The flags of the day, one of each rule."""
    async with database.reader.begin() as connection:
        return {flag.rule: flag for flag in (await misuse.flags_since(connection, NODE, DAY))[DAY]}


def judged(
    flag: Flag, verdict: Verdict = "upheld", before: Filed | None = None, at: int = AT, names: Sequence[str] = ()
) -> Filed:
    prev = NOTHING if before is None else before.digest
    return signed(judgement_of(flag, verdict, "看过监控", at=at, prev=prev), *names)


RAISE_FIRST = """
UPDATE tally_upheld SET satisfied = satisfied + 2 WHERE minute = (SELECT min(minute) FROM tally_upheld)
"""
KEPT = """
SELECT "window", channel, sum(satisfied), sum(basic), sum(dissatisfied) FROM tally_upheld
GROUP BY "window", channel ORDER BY "window"
"""


async def kept(database: Database) -> list[tuple[object, ...]]:
    async with database.reader.begin() as connection:
        return await fetch(connection, KEPT)


def naive(*found: Flag) -> tuple[int, int, int]:
    """Satisfied, basic, dissatisfied of all that any of the flags names, from the batches themselves."""
    named = {(epoch, n) for flag in found for epoch, first, last in flag.ratings for n in range(first, last + 1)}
    batches: list[Batch] = made()
    levels = Counter(
        row.level for one in batches for at, row in enumerate(one.rows) if (one.epoch, one.first + at) in named
    )
    return levels[3], levels[2], levels[1]


async def test_what_is_upheld_is_counted_once_however_many_flags_cover_it(flagged: Database) -> None:
    found = await flags(flagged)
    burst, mash, closed = found["burst"], found["mash"], found["closed"]
    assert set(range(mash.ratings[0][1], mash.ratings[0][2] + 1)) & set(
        range(closed.ratings[0][1], closed.ratings[0][2] + 1)
    )
    sums = []
    for flag in (burst, mash, closed):
        _, fewer = await file(flagged, judged(flag), at=AT)
        sums.append(fewer)
    assert await kept(flagged) == [(f"{NODE}/01", "button", *naive(burst, mash, closed))]
    assert sum(sums) == sum(naive(burst, mash, closed))
    assert sums[2] < closed.size
    assert (await recount(flagged, CALENDAR, lambda *_: None)).equal


async def test_a_later_judgement_overturns_and_the_ratings_count_again(flagged: Database) -> None:
    burst = (await flags(flagged))["burst"]
    one = judged(burst)
    await file(flagged, one, at=AT)
    with pytest.raises(SettingsError, match="judged before, and this does not name its newest"):
        await file(flagged, one, at=AT)
    with pytest.raises(SettingsError, match="judged before, and this does not name its newest"):
        await file(flagged, judged(burst, "dismissed", names=("li", "zhao")), at=AT)

    position, fewer = await file(flagged, judged(burst, "dismissed", before=one), at=AT)
    assert fewer == -burst.size
    assert await kept(flagged) == []
    async with flagged.reader.begin() as connection:
        rows = await fetch(connection, "SELECT position, node, epoch, first FROM ledger_entry WHERE kind = 'judgement'")
        _, newest = await looking.named(connection, name_of(burst), CALENDAR)
    assert rows == [(position - 1, NODE, DAY, 1), (position, NODE, DAY, 2)]
    assert newest is not None
    assert newest.judgement.verdict == "dismissed"


async def test_what_cannot_be_filed(flagged: Database) -> None:
    found = await flags(flagged)
    burst = found["burst"]
    for one, said in (
        (judged(burst, names=("wang",)), "1 signed it, and it takes 2"),
        (judged(burst, names=("li", "li")), "li signed it twice"),
        (judged(burst._replace(begin=burst.begin - 1)), "there is no such flag any more"),
        (judged(burst._replace(ratings=[*burst.ratings, ("q7Zk2wX0aB", 1, 1)])), "the flag has other ratings"),
        (judged(burst._replace(ratings=[])), "the flag has other ratings"),
        (judged(burst._replace(version="9")), "the flag has other version"),
        (judged(burst, at=AT + 1), "dated into the future"),
        (judged(burst, at=burst.end - 1), "dated before the flag that it judges was over"),
    ):
        with pytest.raises(SettingsError, match=said):
            await file(flagged, one, at=AT)
    async with flagged.writer.begin() as connection:
        await write(connection, "UPDATE auditor SET valid_to = :at WHERE name = 'li'", [(AT,)])
    with pytest.raises(SettingsError, match="no key that li had then signed this"):
        await file(flagged, judged(burst), at=AT)
    # Signed while the key held, or dated so, and brought when it holds no more.
    with pytest.raises(SettingsError, match="the key that li signed with has ended: judge it again"):
        await file(flagged, judged(burst, at=AT - 1), at=AT)
    assert await kept(flagged) == []
    await file(flagged, judged(burst, at=AT - 1), at=AT - 1)


async def test_a_rating_that_does_not_count_is_not_judged(flagged: Database) -> None:
    burst = (await flags(flagged))["burst"]
    first = burst.ratings[0][1]
    async with flagged.writer.begin() as connection:
        where = "SELECT position, first FROM ledger_entry WHERE kind = 'batch' AND first <= :a AND last >= :b"
        ((position, begin),) = await fetch(connection, where, (first, first))
        held = 'INSERT INTO uncounted (position, row, reason, "window") VALUES (:a, :b, :c, :d)'
        await write(connection, held, [(position, first - begin, "future", f"{NODE}/01")])
    with pytest.raises(SettingsError, match="names ratings that do not count"):
        await file(flagged, judged(burst), at=AT)


async def test_of_two_at_once_for_one_day_none_overlooks_the_other(flagged: Database) -> None:
    found = await flags(flagged)
    both = [file(flagged, judged(found[rule]), at=AT) for rule in ("mash", "closed")]
    done = await asyncio.gather(*both, return_exceptions=True)
    assert all(isinstance(one, tuple | Unavailable) for one in done)
    for rule, one in zip(("mash", "closed"), done, strict=True):
        if isinstance(one, Unavailable):
            await file(flagged, judged(found[rule]), at=AT)
    assert await kept(flagged) == [(f"{NODE}/01", "button", *naive(found["mash"], found["closed"]))]


async def test_a_tally_that_does_not_follow_is_named_and_repaired(flagged: Database) -> None:
    burst = (await flags(flagged))["burst"]
    await file(flagged, judged(burst), at=AT)
    good = await kept(flagged)
    async with flagged.writer.begin() as connection:
        await write(connection, RAISE_FIRST)
        await write(connection, "INSERT INTO tally_upheld VALUES (5, 'x/1', 'button', 1, 0, 0)")
    before, after = await mend(flagged, CALENDAR, lambda *_: None)
    assert before.differing["tally_upheld"] == 2
    assert after.equal
    assert await kept(flagged) == good


async def test_an_edition_counts_without_what_is_upheld_and_says_both(flagged: Database) -> None:
    burst = (await flags(flagged))["burst"]
    wish = Wish(period(DAY), shipped("plain"), {}, "", final=False, appeal_days=1)
    first, _ = await publish(flagged, CITY, wish, zone="Asia/Shanghai", at=CALENDAR.start(NEXT))
    await file(flagged, judged(burst), at=AT)
    second, _ = await publish(flagged, CITY, wish, zone="Asia/Shanghai", at=AT)
    window = f"{NODE}/01"
    lines = [{line.code: line for line in one.edition.lines} for one in (first, second)]
    assert [of[window].upheld for of in lines] == [None, naive(burst)]
    assert [of["city"].upheld for of in lines] == [None, naive(burst)]
    assert sum(lines[0][window].counts) - sum(lines[1][window].counts) == burst.size
    assert tuple(a + b for a, b in zip(lines[1][window].counts, naive(burst), strict=True)) == lines[0][window].counts


async def test_flags_are_listed_with_what_was_decided(flagged: Database) -> None:
    found = await flags(flagged)
    await file(flagged, judged(found["burst"]), at=AT)
    async with flagged.reader.begin() as connection:
        listed = await looking.of_day(connection, DAY, "city")
        none = await looking.of_day(connection, DAY, "371702")
        for wrong in ("burst", f"1~{NODE}/01~burst"):
            with pytest.raises(SettingsError, match="there is no flag"):
                await looking.named(connection, wrong, CALENDAR)
        silence, _ = await looking.named(connection, name_of(found["silence"]), CALENDAR)
        of_window = await looking.of_day(connection, DAY, f"{NODE}/02")
    assert {flag.rule for flag, _ in listed} == set(found)
    assert [flag.rule for flag, newest in listed if newest is not None] == ["burst"]
    assert none == []
    assert [flag for flag, _ in of_window] == [silence] == [found["silence"]]


async def test_auditors_are_registered_with_keys_of_their_own(database: Database) -> None:
    def form(name: str, key: str, more: str = "") -> str:
        return f'{{"auditors": [{{"name": "{name}", "zh": "王审计", "key": "{key}"{more}}}]}}'

    old, new = AUDITORS["wang"].public, AUDITORS["li"].public
    assert (await register(database.writer, form("wang", old), 100)).auditors == 1
    await register(database.writer, form("wang", old, ', "to": "1970-01-01T00:00:09Z"'), 200)
    await register(database.writer, form("wang", new), 300)
    async with database.reader.begin() as connection:
        rows = await fetch(connection, 'SELECT name, "key", valid_from, valid_to FROM auditor ORDER BY valid_from')
    assert rows == [("wang", old, 100, 9000), ("wang", new, 300, None)]
    for text, said in (
        (form("zhao", new), "this is the key of wang"),
        (form("wang", old), "this key has ended"),
        (form("zhao", "A" * 42 + "B"), "auditor zhao: a public key is 32 bytes"),
        (form("zhao", CITY.public, ', "to": "1970-01-01T00:00:00Z"'), "`to` is over already"),
        (form("zhao", CITY.public, ', "to": "0001-01-01T00:00:00+08:00"'), "`to` is over already"),
        (form("371721121-a1", CITY.public), "name"),
    ):
        with pytest.raises(SettingsError, match=said):
            await register(database.writer, text, 400)
