"""A node's configurations: each version is kept, they only rise, and an old one comes back as a new one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.changes import store as changes
from cloud.configs import store
from cloud.configs.desk import ConfigDesk, ConfigRefused, Wish
from cloud.configs.rules import (
    PATIENCE_MS,
    Difference,
    Given,
    Standing,
    Timing,
    differences,
    same,
    standing,
    timed,
    told,
)
from cloud.copy.restore import make_fit
from cloud.database import Database, fetch
from cloud.registry import store as registry
from cloud.registry.load import register
from contract.codec import decode_as
from contract.config import NodeConfig, WindowPins
from contract.signing import Signer

NOW = 1_795_370_400_000
NODE = "371721121-a1"
PINS = {"id": "01", "satisfied": 17, "basic": 27, "dissatisfied": 22}
KEY = Signer(b"n" * 32).public


def config(version: int = 1, settle: int = 800, cooldown: int = 3000, *windows: WindowPins) -> NodeConfig:
    return NodeConfig(NODE, version, list(windows), settle, cooldown)


def document(**more: object) -> str:
    pins = more.pop("windows", [PINS])
    return json.dumps({"nodes": [{"node": NODE, "key": KEY, "windows": ["01"], "config": {"windows": pins, **more}}]})


async def history(database: Database) -> list[Given]:
    async with database.reader.begin() as connection:
        return await store.history(connection, NODE, 100)


async def in_force(database: Database) -> NodeConfig:
    """What the city hands to the township."""
    async with database.reader.begin() as connection:
        known = await registry.load(connection, NOW)
    return decode_as(known.configs[NODE].body, NodeConfig)


def desk(database: Database, now: int = NOW + 60_000) -> ConfigDesk:
    return ConfigDesk(database, now=lambda: now)


def test_what_changed_is_told_by_times_and_pins() -> None:
    one, two = WindowPins("01", 17, 27, 22), WindowPins("01", 17, 5, 22, light_basic=6)
    assert differences(config(1, 800, 3000, one), config(2, 500, 3000, two)) == [
        Difference("settle_ms", "", 800, 500),
        Difference("basic", "01", 27, 5),
        Difference("light_basic", "01", None, 6),
    ]
    gone = differences(config(1, 800, 3000, one), config(2))
    assert [(one.what, one.before, one.after) for one in gone] == [
        ("satisfied", 17, None),
        ("basic", 27, None),
        ("dissatisfied", 22, None),
    ]
    assert {one.before for one in differences(None, config(1, 800, 3000, one))} == {None}
    versions = [Given(config(version, settle), NOW, "li", "") for version, settle in ((7, 500), (9, 800), (3, 800))]
    assert [(one.version, len(changed)) for one, changed in told(versions)] == [(9, 1), (7, 1), (3, 2)]
    assert told([]) == []


@given(settle=st.integers(0, 10_000), cooldown=st.integers(0, 600_000), version=st.integers(2, 99))
def test_new_times_change_nothing_else(settle: int, cooldown: int, version: int) -> None:
    before = config(1, 800, 3000, WindowPins("01", 17, 27, 22))
    after = timed(before, Timing(settle, cooldown), version)
    assert (after.settle_ms, after.cooldown_ms, after.version) == (settle, cooldown, version)
    assert same(timed(after, Timing(800, 3000), 5), before)
    assert same(timed(before, Timing(None, None), version), before)
    assert not Timing(settle, cooldown).wrong


@pytest.mark.parametrize("timing", [Timing(None, None), Timing(10_001, None), Timing(None, 600_001), Timing(-1, 5)])
def test_times_that_no_node_takes(timing: Timing) -> None:
    assert timing.wrong


@pytest.mark.parametrize(
    ("wanted", "reported", "after", "there", "found"),
    [
        (None, 0, 0, True, "none"),
        (5, 5, 0, True, "as_wanted"),
        (5, 9, 0, False, "as_wanted"),
        (5, 4, PATIENCE_MS - 1, True, "waiting"),
        (5, 4, PATIENCE_MS, True, "behind"),
        (5, 0, PATIENCE_MS * 9, False, "waiting"),
    ],
)
def test_how_a_node_stands(wanted: int | None, reported: int, after: int, there: bool, found: Standing) -> None:  # noqa: FBT001
    assert standing(wanted, NOW, reported, NOW + after, there=there) == found


async def test_every_version_is_kept_and_the_newest_is_in_force(database: Database) -> None:
    await register(database.writer, document(settle_ms=500), NOW)
    await register(database.writer, document(settle_ms=600), NOW + 5)
    await register(database.writer, document(settle_ms=600), NOW + 9)
    kept = await history(database)
    assert [(one.version, one.at, one.who, one.config.settle_ms) for one in kept] == [
        (NOW + 5, NOW + 5, "registration", 600),
        (NOW, NOW, "registration", 500),
    ]
    assert await in_force(database) == kept[0].config


async def test_times_are_set_by_a_new_version_that_is_written_down(database: Database) -> None:
    await register(database.writer, document(), NOW)
    version = await desk(database).set_times(Wish(NODE, "li", "按键太慢", NOW), Timing(400, None))
    newest, first = await history(database)
    assert (newest.version, newest.who, newest.reason, newest.at) == (version, "li", "按键太慢", NOW + 60_000)
    assert version > first.version
    assert differences(first.config, newest.config) == [Difference("settle_ms", "", 800, 400)]
    assert await in_force(database) == newest.config
    async with database.reader.begin() as connection:
        assert await registry.version(connection) == version
        (noted,) = await changes.page(connection, 1 << 53, 10)
    assert (noted.who, noted.what, noted.subject, noted.place) == ("li", "set-times", NODE, NODE)
    assert noted.body == {"version": version, "settle_ms": 400, "cooldown_ms": 3000, "reason": "按键太慢"}


async def test_an_old_version_comes_back_as_a_new_one(database: Database) -> None:
    await register(database.writer, document(settle_ms=500), NOW)
    await register(database.writer, document(windows=[PINS | {"satisfied": 4}]), NOW + 5)
    version = await desk(database).roll_back(Wish(NODE, "li", "接线又改回来", NOW + 5), NOW)
    kept = await history(database)
    assert [one.version for one in kept] == [version, NOW + 5, NOW]
    assert same(kept[0].config, kept[2].config)
    assert version > NOW + 5
    assert (await in_force(database)).windows[0].satisfied == 17


@pytest.mark.parametrize(
    ("wish", "timing", "kind"),
    [
        (Wish(NODE, "li", "x", NOW), Timing(None, None), "content"),
        (Wish(NODE, "li", "", NOW), Timing(1, 1), "reason"),
        (Wish(NODE, "li", "x" * 201, NOW), Timing(1, 1), "reason"),
        (Wish("371721121-b2", "li", "x", NOW), Timing(1, 1), "unknown"),
        (Wish(NODE, "li", "x", NOW - 1), Timing(1, 1), "changed"),
        (Wish(NODE, "li", "x", NOW), Timing(800, 3000), "same"),
    ],
)
async def test_what_is_refused_changes_nothing(database: Database, wish: Wish, timing: Timing, kind: str) -> None:
    await register(database.writer, document(), NOW)
    with pytest.raises(ConfigRefused, match=kind):
        await desk(database).set_times(wish, timing)
    assert len(await history(database)) == 1
    async with database.reader.begin() as connection:
        assert await registry.version(connection) == NOW
        assert await changes.page(connection, 1 << 53, 10) == []


async def test_no_roll_back_to_what_never_was_or_is_in_force(database: Database) -> None:
    await register(database.writer, document(), NOW)
    for version, kind in ((NOW - 1, "unknown"), (NOW, "same")):
        with pytest.raises(ConfigRefused, match=kind):
            await desk(database).roll_back(Wish(NODE, "li", "x", NOW), version)


async def test_a_restored_city_gives_what_was_in_force_again_under_a_higher_version(database: Database) -> None:
    await register(database.writer, document(settle_ms=500), NOW)
    await register(database.writer, document(settle_ms=600), NOW + 5)
    async with database.writer.begin() as connection:
        await make_fit(connection, NOW + 100)
    kept = await history(database)
    assert [(one.version, one.who, one.config.settle_ms) for one in kept] == [
        (NOW + 100, "system", 600),
        (NOW + 5, "registration", 600),
        (NOW, "registration", 500),
    ]
    async with database.reader.begin() as connection:
        assert await fetch(connection, "SELECT count(*) FROM node_config") == [(3,)]
