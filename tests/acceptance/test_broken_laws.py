"""Each law broken on purpose, in the real processes: the fault test that is clean with our code turns red.

The breaches are in `firmware_sim/faults/breach.py`; each test plays the same faults with it and without, or names where
it is played without. What "red" means is the verdict's.
"""

import asyncio
import json
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from statistics import median

import asyncpg
import pytest

from contract import topics
from contract.batch import Batch
from contract.bundle import unpack
from contract.codec import decode_batch, encode, is_batch
from contract.rating import Quality, Row
from edge.settings import read
from firmware_sim.box import Box, Order
from firmware_sim.broker import Mosquitto
from firmware_sim.faults.breach import way
from firmware_sim.ground import Ground
from firmware_sim.leaky import Leaky
from firmware_sim.premises import Habits
from firmware_sim.siege import Evidence, besieged
from proof import ledger
from transport import link
from transport.boot import wall_ms
from transport.broker import Broker
from transport.keys import read_key
from transport.outbox import Outbox

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

QUICK = Habits(settle_s=0.1, cooldown_s=0.2, heartbeat_s=2.0, least=1)
LOAD_S = 3.0
# Where it is going to be red nothing is waited for.
IMPATIENT_S = 3.0
# A slow machine sends later, and again later.
PATIENCE_S = 45.0


def breaking(house: str, law: str) -> dict[str, tuple[str, ...]]:
    return {house: way(law)}


@pytest.fixture
def order(free_port: Callable[[], int]) -> Order:
    return Order(windows=24, townships=1, seed=5, per_s=12.0, http=free_port(), habits=QUICK)


async def test_law_1_a_light_before_the_commit_is_seen_when_the_power_goes(tmp_path: Path, order: Order) -> None:
    # Without the breach: test_kills.py, the windows.
    broken = breaking("fleet", "light-before-commit")
    async with besieged(order, tmp_path / "city", wall_ms=wall_ms, sabotage=broken, drain_s=IMPATIENT_S) as city:
        await asyncio.sleep(LOAD_S)
        await city.box.fleet.kill()
        await city.box.restart(city.box.fleet)
    assert city.evidence.verdict.lost > 0
    assert not city.evidence.clean


async def test_law_1_an_ack_before_the_commit_is_seen(tmp_path: Path, order: Order) -> None:
    # Without the breach: test_kills.py, the gateways.
    broken = breaking("gateways", "ack-before-commit")
    async with besieged(order, tmp_path / "city", wall_ms=wall_ms, sabotage=broken, drain_s=IMPATIENT_S) as city:
        await asyncio.sleep(LOAD_S)
    assert city.evidence.verdict.lost > 0
    assert not city.evidence.clean


class Ear:
    """Hears all batches that pass the townships' broker."""

    def __init__(self) -> None:
        self.batches: defaultdict[tuple[str, str, int], list[bytes]] = defaultdict(list)

    def hear(self, topic: str, payload: bytes) -> None:
        for entry in unpack(payload):
            if is_batch(entry.body):
                batch = decode_batch(entry.body)
                for number in range(batch.first, batch.last + 1):
                    self.batches[batch.node, batch.epoch, number].append(entry.raw)

    @property
    def again(self) -> int:
        """Numbers that were sent more than once."""
        return sum(len(raws) > 1 for raws in self.batches.values())

    @property
    def changed(self) -> int:
        """Numbers that were sent in different bytes."""
        return sum(len(set(raws)) > 1 for raws in self.batches.values())


async def leaking(
    tmp_path: Path, order: Order, law: str | None, drain_s: float, *, enough: Callable[[Ear], bool] = lambda _: True
) -> tuple[Evidence, Ear, int]:
    """Play on brokers that swallow a fifth of what they acknowledge until `enough` was heard, if that ever comes."""
    inner = Mosquitto(tmp_path / "node-broker")
    city_leak = Leaky(Mosquitto(tmp_path / "city-broker"), share=0.2, random=Random(0))
    node_leak = Leaky(inner, share=0.2, random=Random(1))
    leaks = (city_leak, node_leak)
    ear = Ear()
    sabotage = breaking("fleet", law) if law else None
    async with besieged(
        order,
        tmp_path / "city",
        wall_ms=wall_ms,
        ground=Ground(city_leak, node_leak),
        sabotage=sabotage,
        drain_s=drain_s,
    ) as city:
        listening = link.Link(
            Broker("127.0.0.1", inner.port),
            client_id="ear",
            subscribe=[topics.every_node("ratings")],
            on_receive=ear.hear,
            on_up=lambda: None,
            on_down=lambda: None,
        )
        async with listening:
            await asyncio.sleep(3 * LOAD_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    while not enough(ear):
                        await asyncio.sleep(0.05)
            for leak in leaks:
                leak.share = 0
            await city.catch_up()
    return city.evidence, ear, min(leak.dropped for leak in leaks)


async def test_law_2_and_4_brokers_that_swallow_what_they_acknowledged_lose_nothing(
    tmp_path: Path, order: Order
) -> None:
    evidence, ear, dropped = await leaking(tmp_path, order, None, 90.0, enough=lambda ear: ear.again > 0)
    assert dropped > 5
    assert evidence.clean, str(evidence)
    assert ear.again > 0
    assert ear.changed == 0


async def test_law_2_who_trusts_the_broker_loses(tmp_path: Path, order: Order) -> None:
    evidence, _, dropped = await leaking(tmp_path, order, "trust-the-broker", IMPATIENT_S)
    assert dropped > 5
    assert evidence.verdict.lost > 0
    assert not evidence.clean


async def test_law_4_a_batch_that_is_cut_again_is_heard_on_the_wire(tmp_path: Path, order: Order) -> None:
    _, ear, _ = await leaking(tmp_path, order, "cut-again", IMPATIENT_S, enough=lambda ear: ear.changed > 0)
    assert ear.changed > 0


def copy_stores(box: Box, folder: Path, *, back: bool = False) -> None:
    """Image the cards of all nodes into `folder`, or write the images `back`."""
    for settings in box.premises.nodes:
        card, image = settings.parent, folder / settings.parent.name
        if back:
            shutil.rmtree(card)
            shutil.copytree(image, card)
        else:
            shutil.copytree(card, image)


def other_people(spec: Path) -> None:
    """Let not the same people come again in the same order, whose ratings nobody could tell from resends."""
    fleet = json.loads(spec.read_text(encoding="utf-8"))
    spec.write_text(json.dumps({**fleet, "seed": fleet["seed"] + 1}), encoding="utf-8")


async def restored(tmp_path: Path, order: Order, law: str | None) -> tuple[Evidence, set[str]]:
    """Write an old image to every node's card; return the evidence and the reasons in the quarantine."""
    sabotage = breaking("fleet", law) if law else None
    drain_s = IMPATIENT_S if law else 60.0
    async with besieged(order, tmp_path / "city", wall_ms=wall_ms, sabotage=sabotage, drain_s=drain_s) as city:
        fleet = city.box.fleet
        await asyncio.sleep(LOAD_S)
        await fleet.kill()
        copy_stores(city.box, tmp_path / "images")
        await city.box.restart(fleet)
        await asyncio.sleep(LOAD_S)
        await city.box.hush(within_s=10)
        assert await city.catch_up()  # nothing is only on the card that is now overwritten
        await fleet.kill()
        copy_stores(city.box, tmp_path / "images", back=True)
        other_people(tmp_path / "city" / "fleet.json")
        await city.box.restart(fleet)
        await asyncio.sleep(LOAD_S)
    with closing(sqlite3.connect(city.box.premises.database)) as database:
        reasons = {reason for (reason,) in database.execute("SELECT reason FROM quarantine")}
    return city.evidence, reasons


async def test_law_3_an_old_image_on_a_nodes_card_gives_no_number_twice(tmp_path: Path, order: Order) -> None:
    evidence, reasons = await restored(tmp_path, order, None)
    assert evidence.clean, str(evidence)
    assert reasons == set()


async def test_law_3_an_epoch_that_is_used_again_is_seen(tmp_path: Path, order: Order) -> None:
    evidence, reasons = await restored(tmp_path, order, "reuse-epoch")
    assert reasons == {"conflict"}
    assert evidence.verdict.lost > 0
    assert not evidence.clean


async def test_law_6_a_rating_dated_by_its_arrival_is_seen(tmp_path: Path, order: Order) -> None:
    # Without the breach: test_kills.py, the press while the gateway is down.
    async with besieged(
        order, tmp_path / "city", wall_ms=wall_ms, sabotage=breaking("fleet", "date-on-arrival"), drain_s=IMPATIENT_S
    ) as city:
        await city.box.gateways.kill()
        await asyncio.sleep(2 * LOAD_S)
        await city.box.restart(city.box.gateways)
        await asyncio.sleep(LOAD_S)
    assert city.evidence.verdict.misdated > 0
    assert not city.evidence.clean


OLD_BATCHES = 200
OLD_ROWS = 500
OLD_EPOCH = "0000000000"
HOUR_MS = 3_600_000


async def leave_old_ratings(box: Box) -> None:
    """Three nodes have been without a line for an hour, and busy."""
    at = wall_ms() - HOUR_MS
    for file in box.premises.nodes[:3]:
        settings = read(file)
        signer = read_key(Path(settings.key))
        shelf = await Outbox.open(Path(settings.store))
        batches = []
        for number in range(OLD_BATCHES):
            rows = [Row(ms, settings.window[0].id, 3, 1) for ms in range(OLD_ROWS)]
            batch = Batch(1, settings.node, OLD_EPOCH, 1 + number * OLD_ROWS, at, Quality.SYNCHRONISED, rows)
            batches.append((batch, signer.entry(encode(batch))))
        await shelf.put(batches)
        await shelf.close()


async def overtaking(tmp_path: Path, order: Order, law: str | None) -> int:
    """Open a line for three nodes with much to say; how many new ratings came before half of their node's old ones."""
    sabotage = breaking("fleet", law) | breaking("gateways", law) if law else None
    async with besieged(order, tmp_path / "city", wall_ms=wall_ms, sabotage=sabotage) as city:
        box = city.box
        await box.gateways.kill()
        await box.fleet.kill()
        await leave_old_ratings(box)
        await box.restart(box.fleet)
        await asyncio.sleep(LOAD_S)
        await box.restart(box.gateways)
        await asyncio.sleep(LOAD_S)
    old: defaultdict[str, list[int]] = defaultdict(list)
    fresh: list[tuple[str, int]] = []
    with closing(ledger.connect(box.premises.database)) as database:
        for position, node, epoch in database.execute("SELECT position, node, epoch FROM ledger_entry"):
            if epoch == OLD_EPOCH:
                old[node].append(position)
            else:
                fresh.append((node, position))
    assert [len(positions) for positions in old.values()] == [OLD_BATCHES] * 3
    assert len(fresh) > 10
    return sum(position < median(old[node]) for node, position in fresh if node in old)


async def test_law_7_new_ratings_overtake_a_backlog(tmp_path: Path, order: Order) -> None:
    assert await overtaking(tmp_path, order, None) > 2


async def test_law_7_in_one_queue_they_do_not(tmp_path: Path, order: Order) -> None:
    assert await overtaking(tmp_path, order, "one-queue") == 0


# How long it stays full after the wall has said so. A gateway that is full for longer leaves its nodes waiting 30 s,
# until they try again what was not live any more.
FULL_S = {"fleet": LOAD_S, "gateways": 0.0, "cloud": LOAD_S}
WHO = {"fleet": "-a", "gateways": "-g", "cloud": "city"}


ALARMED_S = 20.0


async def alarmed(box: Box, *, who: str, on: bool) -> bool:
    """Wait until the wall has, or has no longer, an alarm for a `who`: "-a" a node, "-g" a gateway, or "city"."""
    async with asyncio.timeout(ALARMED_S):
        while True:
            listed = box.onlooker.picture["nodes"]["list"]
            if any(who in one["node"] and one["state"] == "full" for one in listed) == on:
                return True
            await asyncio.sleep(0.05)


async def filled(tmp_path: Path, order: Order, house: str, law: str) -> Evidence:
    """Let the disk of one house be full for a while."""
    flag = tmp_path / "full"
    async with besieged(
        order,
        tmp_path / "city",
        wall_ms=wall_ms,
        sabotage=breaking(house, f"{law}:{flag}"),
        drain_s=60.0 if law in {"full", "full-city"} else IMPATIENT_S,
    ) as city:
        await asyncio.sleep(LOAD_S)
        flag.touch()
        assert await alarmed(city.box, who=WHO[house], on=True)
        await asyncio.sleep(FULL_S[house])
        flag.unlink()
        assert await alarmed(city.box, who=WHO[house], on=False)
        room_again = city.lit
        await asyncio.sleep(LOAD_S)
        assert city.lit > room_again  # it serves people again
    return city.evidence


async def test_law_9_a_full_node_refuses_loudly_and_recovers(tmp_path: Path, order: Order) -> None:
    evidence = await filled(tmp_path, order, "fleet", "full")
    assert evidence.verdict.refused > 5
    assert evidence.clean, str(evidence)


async def test_law_9_a_full_gateway_takes_nothing_and_loses_nothing(tmp_path: Path, order: Order) -> None:
    evidence = await filled(tmp_path, order, "gateways", "full")
    assert evidence.verdict.refused == 0  # the nodes have room
    assert evidence.clean, str(evidence)


async def test_law_9_a_full_city_takes_nothing_and_loses_nothing(tmp_path: Path, order: Order) -> None:
    evidence = await filled(tmp_path, order, "cloud", "full-city")
    assert evidence.verdict.refused == 0  # nodes and gateways have room
    assert evidence.clean, str(evidence)


async def test_law_9_a_full_node_that_thanks_all_the_same_is_seen(tmp_path: Path, order: Order) -> None:
    evidence = await filled(tmp_path, order, "fleet", "thank-when-full")
    assert evidence.verdict.lost > 5
    assert not evidence.clean


async def test_servers_that_were_tampered_with_are_seen(tmp_path: Path, order: Order) -> None:
    ground = Ground.of_one_broker(tmp_path / "city", postgres=True, influx=True)
    assert ground.postgres is not None
    assert ground.influx is not None
    async with besieged(order, tmp_path / "city", wall_ms=wall_ms, ground=ground, drain_s=20.0) as city:
        await asyncio.sleep(LOAD_S)
        assert await city.box.feed_series(within_s=PATIENCE_S)
        await ground.influx.query("DELETE FROM rating", "manyi")
        connection = await asyncpg.connect(ground.postgres.url_with_password("manyi"))
        try:
            window = '(SELECT min("window") FROM tally_day)'
            await connection.execute(f'UPDATE tally_day SET basic = basic + 1 WHERE "window" = {window}')  # noqa: S608
        finally:
            await connection.close()
    found = "; ".join(city.evidence.contradictions)
    assert ": kept are " in found
    assert "the series differed from the ledger: missing" in found
    assert city.evidence.verdict.lost == 0
    assert not city.evidence.clean
