"""Registering: what a document adds, when it holds from, and what it must not change."""

import asyncio
import json
import re

import pytest

from cloud.database import Database
from cloud.registry import store
from cloud.registry.load import HANDOVER_MS, Summary, end_keys, register
from cloud.registry.papers import papers
from cloud.registry.snapshot import RegisteredNode, RegisteredWindow, Registry
from cloud.registry.worker import RegistryHolder
from contract.bundle import unpack
from contract.codec import decode, decode_as
from contract.config import FormerKey, NodeConfig, Roster, RosterNode
from contract.errors import SettingsError, Unavailable
from contract.keys import Key
from contract.signing import Signer, public_key, verify

NOW = 1_795_370_400_000
NODE = "371721121-a1"
GATEWAY = "371721121-g0"
CITY = Signer(b"c" * 32)
OLD, NEW = Signer(b"o" * 32), Signer(b"n" * 32)
PINS = {"id": "01", "satisfied": 5, "basic": 6, "dissatisfied": 13}


def document(*windows: object, key: str = OLD.public, **more: object) -> str:
    return json.dumps({"nodes": [{"node": NODE, "key": key, "windows": list(windows), **more}]})


async def snapshot(database: Database, at: int = NOW) -> Registry:
    async with database.reader.begin() as connection:
        return await store.load(connection, at)


async def test_the_places_of_heze_are_there_with_their_names(database: Database) -> None:
    await store.seed_places(database.writer)
    await store.seed_places(database.writer)
    registry = await snapshot(database)

    assert len(registry.counties) == 11
    assert len(registry.townships) == 167
    assert registry.places["371721"].zh == "曹县"
    assert registry.places["371721"].en == "Cao County"
    assert {town.code[:6] == county.place.code for county in registry.counties for town in county.townships} == {True}


async def test_a_document_registers_nodes_gateways_and_windows_for_all_times(database: Database) -> None:
    text = json.dumps(
        {
            "nodes": [{"node": NODE, "key": OLD.public, "windows": ["01", "02"]}],
            "gateways": [{"node": GATEWAY, "key": NEW.public}],
        }
    )

    assert await register(database.writer, text, NOW) == Summary(nodes=1, gateways=1, windows=2, added=2, version=NOW)
    registry = await snapshot(database)
    assert registry.node(NODE) == RegisteredNode(NODE, "node", NODE[:9], public_key(OLD.public), 0, None)
    assert list(registry.gateways) == [GATEWAY]
    assert registry.node("371721121-zz") is None
    assert registry.windows_at(0) == [f"{NODE}/01", f"{NODE}/02"]
    assert not registry.has_window(f"{NODE}/03", NOW)
    assert registry.lone(0) == frozenset()
    again = await register(database.writer, text, NOW + 5)
    assert (again.added, again.version) == (0, NOW + 5)


async def test_a_place_with_one_window_alone_is_known(database: Database) -> None:
    await register(database.writer, document("01"), NOW)
    assert (await snapshot(database)).lone(NOW) == {NODE[:9], NODE[:6]}


async def test_another_key_holds_from_now_on_and_the_old_one_for_a_day_yet(database: Database) -> None:
    await register(database.writer, document("01"), NOW - 1000)
    await register(database.writer, document(key=NEW.public), NOW)

    registry, until = await snapshot(database), NOW + HANDOVER_MS
    assert registry.keys(NODE) == (Key(public_key(NEW.public)), Key(public_key(OLD.public), until))
    assert registry.has_window(f"{NODE}/01", NOW)
    (township, payload) = next(papers(registry, CITY))
    former = [FormerKey(OLD.public, until)]
    assert decode(unpack(payload)[0].body) == Roster(township, NOW, [RosterNode(NODE, NEW.public, former)])


async def test_a_key_that_is_being_replaced_can_be_ended_at_once(database: Database) -> None:
    await register(database.writer, document("01"), NOW - 1000)
    await register(database.writer, document(key=NEW.public), NOW)

    assert await end_keys(database.writer, [OLD.public], b"list", NOW + 5) == [NODE]

    assert (await snapshot(database)).keys(NODE) == (Key(public_key(NEW.public)), Key(public_key(OLD.public), NOW + 5))
    assert await end_keys(database.writer, [OLD.public], b"list", NOW + 9) == []


async def test_a_node_whose_key_ended_stays_on_the_roster_for_what_it_signed_before(database: Database) -> None:
    await register(database.writer, document("01"), NOW - 1000)
    await end_keys(database.writer, [OLD.public], b"list", NOW)

    (township, payload) = next(papers(await snapshot(database), CITY))

    assert decode(unpack(payload)[0].body) == Roster(township, NOW, [RosterNode(NODE, OLD.public, until=NOW)])


async def test_a_windows_dates_are_respected(database: Database) -> None:
    opened, closed = "2026-01-01T00:00:00+08:00", "2026-07-01T00:00:00+08:00"
    await register(database.writer, document({"id": "01", "from": opened, "to": closed}), NOW)
    registry = await snapshot(database)

    start, end = 1_767_196_800_000, 1_782_835_200_000
    assert [registry.has_window(f"{NODE}/01", at) for at in (start - 1, start, end - 1, end)] == [
        False, True, True, False,
    ]  # fmt: skip


async def test_dates_at_either_end_of_the_calendar_are_dates(database: Database) -> None:
    """In UTC they have no year any more, or none yet."""
    dates = {"from": "0001-01-01T00:00:00+08:00", "to": "9999-12-31T23:59:59-08:00"}
    await register(database.writer, document({"id": "01", **dates}), NOW)
    assert (await snapshot(database)).has_window(f"{NODE}/01", 1)


WRONG = {
    "{": "registration: Input data was truncated",
    '{"nodes":[{"node":"a1","key":""}]}': "node",
    '{"node":[]}': "unknown field `node`",
    document(key="A" * 42): "key",
    document("01", "01"): "a window is named twice",
    json.dumps({"gateways": [{"node": GATEWAY, "key": OLD.public}] * 2}): f"{GATEWAY} is named twice",
    json.dumps({"gateways": [{"node": "999999999-g0", "key": OLD.public}]}): "there is no township 999999999",
    document({"id": "01", "from": "2026-01-01T00:00:00"}): "$.nodes[0].windows[0]",
    document({"id": "01", "to": "1969-01-01T00:00:00Z"}): "window 01 ends before it begins",
    document({"id": "01", "to": "0001-01-01T00:00:00+08:00"}): "window 01 ends before it begins",
    document(config={"windows": [{**PINS, "basic": 5}]}): "config: pin 5 is both",
    document(config={"windows": [{**PINS, "basic": 28}]}): "basic: there is no line 28; allowed: 0 to 27 of the header",
    json.dumps({"gateways": [{"node": NODE, "key": NEW.public}]}): "is registered as a node, not as a gateway",
}


@pytest.mark.parametrize(("text", "told"), WRONG.items(), ids=range(len(WRONG)))
async def test_a_wrong_document_changes_nothing_and_says_where_it_is_wrong(
    database: Database, text: str, told: str
) -> None:
    await register(database.writer, document("07"), NOW)

    with pytest.raises(SettingsError) as wrong:
        await register(database.writer, text, NOW)

    assert told in str(wrong.value)
    assert "\n" not in str(wrong.value)
    registry = await snapshot(database)
    assert (registry.version, list(registry.windows)) == (NOW, [f"{NODE}/07"])


async def test_each_township_gets_its_roster_and_configurations_signed(database: Database) -> None:
    await register(database.writer, document("01", config={"windows": [PINS], "settle_ms": 500}), NOW)
    other = json.dumps({"gateways": [{"node": "371721122-g0", "key": OLD.public}]})
    await register(database.writer, other, NOW)

    told = dict(papers(await snapshot(database), CITY))

    city_key = public_key(CITY.public)
    entries = {township: unpack(payload) for township, payload in told.items()}
    assert all(verify(one.body, one.signature, city_key) for here in entries.values() for one in here)
    roster = decode_as(entries["371721121"][0].body, Roster)
    assert (roster.version, [(node.node, node.key) for node in roster.nodes]) == (NOW + 1, [(NODE, OLD.public)])
    config = decode_as(entries["371721121"][1].body, NodeConfig)
    assert (config.version, config.settle_ms, config.cooldown_ms) == (NOW, 500, 3000)
    assert [decode(one.body) for one in entries["371721122"]] == [Roster("371721122", NOW + 1, [])]


async def test_a_running_city_sees_a_change_within_two_seconds(database: Database) -> None:
    holder = RegistryHolder(database.reader, now=lambda: NOW)
    assert await holder.refresh()
    assert not await holder.refresh()
    seen = asyncio.Event()
    holder.listeners.append(lambda registry: seen.set() if registry.node(NODE) else None)
    watching = asyncio.ensure_future(holder.run())
    await register(database.writer, document("01"), NOW)

    async with asyncio.timeout(2):
        await seen.wait()

    watching.cancel()
    assert holder.current.has_window(f"{NODE}/01", NOW)


async def test_a_database_that_fails_keeps_the_last_snapshot(database: Database) -> None:
    await register(database.writer, document("01"), NOW)
    holder = RegistryHolder(database.reader, now=lambda: NOW)
    await holder.refresh()
    async with database.writer.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE registry_head")

    with pytest.raises(Unavailable):
        await holder.refresh()

    assert holder.current.has_window(f"{NODE}/01", NOW)


def test_a_window_may_close_and_open_again() -> None:
    registry = Registry(windows=[RegisteredWindow("w", 0, 10), RegisteredWindow("w", 20, None)])

    assert [registry.has_window("w", at) for at in (0, 9, 10, 19, 20)] == [True, True, False, False, True]
    assert registry.knows_window("w")
    assert not registry.knows_window("v")


NEW_TOWN = {
    "code": "371721199",
    "zh": "新城街道",
    "en": "Xincheng Subdistrict",
    "short_zh": "新城",
    "short_en": "Xincheng",
}
TOMORROW = "2026-11-23T18:00:00+00:00"


async def test_a_township_is_founded_with_what_is_in_it(database: Database) -> None:
    node = {"node": "371721199-a1", "key": OLD.public, "windows": ["01"]}
    await register(database.writer, json.dumps({"townships": [NEW_TOWN], "nodes": [node]}), NOW)
    registry = await snapshot(database)
    assert registry.places["371721199"].zh == "新城街道"
    assert "371721199" in registry.townships
    assert registry.windows_at(NOW) == ["371721199-a1/01"]
    assert "371721199" not in (await snapshot(database, NOW - 1)).townships


async def test_a_township_ends_when_it_is_said_to_and_its_nodes_are_heard_to_the_last(database: Database) -> None:
    await register(database.writer, document("01"), NOW)
    end = NOW + 86_400_000
    await register(database.writer, json.dumps({"townships": [{"code": NODE[:9], "to": TOMORROW}]}), NOW)
    before, after = await snapshot(database, end - 1), await snapshot(database, end)
    assert NODE[:9] in before.townships
    assert NODE[:9] not in after.townships
    # What its outbox still holds was pressed before, and its gateway needs the roster for that.
    assert after.keys(NODE) == before.keys(NODE)
    assert NODE[:9] in after.served_townships()
    # Until then its end may still be another one.
    later = {"code": NODE[:9], "to": "2026-12-31T16:00:00+00:00"}
    await register(database.writer, json.dumps({"townships": [later]}), NOW + 1)
    assert NODE[:9] in (await snapshot(database, end)).townships


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"code": "371721198", "zh": "新城"}, "a new one needs zh, en, short_zh and short_en"),
        ({**NEW_TOWN, "code": "379999001"}, "there is no county 379999"),
        ({**NEW_TOWN, "to": "2026-01-01T00:00:00+08:00"}, "it ends before it begins"),
        ({**NEW_TOWN, "code": NODE[:9]}, "it is known already: only `to` can be said of it"),
        ({"code": "371721122", "to": TOMORROW}, "it has ended, and a code never comes back"),
    ],
)
async def test_a_township_that_cannot_be_so_changes_nothing(
    database: Database, form: dict[str, str], said: str
) -> None:
    await register(database.writer, json.dumps({"townships": [{"code": "371721122", "to": "2026-11-22T18:00:00Z"}]}), 9)
    before = await snapshot(database, NOW)
    with pytest.raises(SettingsError, match=f"^registration: township {form['code']}: {re.escape(said)}$"):
        await register(database.writer, json.dumps({"townships": [form]}), NOW)
    after = await snapshot(database, NOW)
    assert (after.version, after.townships) == (before.version, before.townships)
