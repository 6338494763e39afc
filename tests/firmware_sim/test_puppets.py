import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from contract.batch import StreamKey
from contract.codec import decode_batch
from contract.errors import StoreFull
from contract.rating import Level, Quality
from contract.signing import Signer
from edge.settings import read as read_settings
from firmware_sim.cityplan import lay_out
from firmware_sim.crowd import Press
from firmware_sim.fingerlog import FingerLog, choices, read
from firmware_sim.inline import open_outbox
from firmware_sim.premises import Habits, Premises, Wires, build
from firmware_sim.puppets import Puppet, Puppets, PuppetWindow
from transport.dating import Dated
from transport.outbox import Outbox, Settled

NODE = "371721121-a1"
SIGNER = Signer(bytes(32))
QUICK = Habits(settle_s=0.4, cooldown_s=0.1)


@pytest.fixture
def premises(tmp_path: Path) -> Premises:
    plan = lay_out(["371721121", "371702001"], windows=6, townships=2, seed=1)
    return build(plan, tmp_path / "city", wires=Wires(9, 9, 9), habits=QUICK)


def choice(level: int, at: int) -> Settled:
    return Settled("01", level, 1, at, Dated(at, Quality.SYNCHRONISED, 5, None))


async def test_an_outbox_without_a_thread_keeps_what_one_with_a_thread_reads(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = await open_outbox(path)
    await outbox.begin(StreamKey(NODE, "AAAAAAAAAA"), SIGNER, "boot")
    (item,) = await outbox.append(choice(3, 1000), cut=True)
    assert await outbox.append(choice(1, 2000), cut=False) == []
    assert [(made.first, made.last) for made in await outbox.cut()] == [(2, 2)]
    raws = await outbox.raws([item.id])
    await outbox.close()
    again = await Outbox.open(path)
    assert (await again.raws([item.id])) == raws
    assert [row.level for row in decode_batch(raws[item.id].partition(b"\n")[0]).rows] == [3]
    assert again.kept[StreamKey(NODE, "AAAAAAAAAA")].pairs == ((1, 2),)
    await again.close()


async def test_it_syncs_every_commit_to_the_disk_as_a_node_does(tmp_path: Path) -> None:
    outbox = await open_outbox(tmp_path / "outbox.db")
    assert [tuple(row) for row in await outbox.disk.read("PRAGMA synchronous")] == [(2,)]
    assert [tuple(row) for row in await outbox.disk.read("PRAGMA journal_mode")] == [("wal",)]
    await outbox.close()


class Stage:
    """One puppet with a window, and the fingers' log beside it."""

    def __init__(self, puppet: Puppet, log: FingerLog, path: Path) -> None:
        self.closing = asyncio.Event()
        self.puppet = puppet
        self.window = PuppetWindow(puppet, f"{puppet.settings.node}/01", log=log, closing=self.closing)
        self._path = path

    @property
    def said(self) -> list[tuple[str, int]]:
        return [(entry.kind, entry.level) for entry in read(self._path)]


@pytest.fixture
async def stage(premises: Premises, tmp_path: Path) -> Stage:
    puppet = await Puppet.open(read_settings(premises.nodes[0]), lambda *_: False)
    return Stage(puppet, FingerLog(tmp_path / "log"), tmp_path / "log")


async def test_what_is_lit_is_on_disk_with_the_last_level(stage: Stage) -> None:
    presses = [Press(0, Level.DISSATISFIED), Press(0.1, Level.SATISFIED)]
    assert await stage.window.visit("v-1", presses) == "lit"
    assert stage.said == [("pressed", 1), ("pressed", 3), ("lit", 3)]
    rows = await stage.puppet.outbox.disk.read("SELECT seq, level, presses FROM rating")
    assert [tuple(row) for row in rows] == [(1, 3, 2)]
    await stage.puppet.outbox.close()


async def test_nobody_changes_their_mind_when_the_hall_closes(stage: Stage) -> None:
    stage.closing.set()
    assert await stage.window.visit("v-1", [Press(0, Level.DISSATISFIED), Press(0.1, Level.SATISFIED)]) == "lit"
    assert stage.said == [("pressed", 1), ("lit", 1)]
    await stage.puppet.outbox.close()


async def test_a_full_disk_is_a_refusal(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise StoreFull("no room")

    monkeypatch.setattr(stage.puppet.outbox.disk, "require_room", full)
    assert await stage.window.visit("v-1", [Press(0, Level.BASIC)]) == "refused"
    assert stage.said == [("pressed", 2), ("refused", 2)]
    await stage.puppet.outbox.close()


def test_puppets_of_two_brokers_cannot_share_a_connection(tmp_path: Path) -> None:
    settings = []
    for number, port in enumerate((1, 2)):
        plan = lay_out(["371721121"], windows=1, townships=1, seed=number)
        made = build(plan, tmp_path / str(number), wires=Wires(9, port, 9))
        settings.append(read_settings(made.nodes[0]))
    with pytest.raises(ValueError, match=r"one broker, not .*1.* and .*2"):
        Puppets(settings, name="p")


@pytest.fixture
def fleet(premises: Premises, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    spec = tmp_path / "fleet.json"
    nodes = [str(path) for path in premises.nodes]
    spec.write_text(
        json.dumps({"nodes": nodes[:1], "puppets": nodes[1:], "log": str(tmp_path / "fingers.log"), "per_s": 9.0})
    )
    child = subprocess.Popen([sys.executable, "-m", "firmware_sim.fleet", str(spec)], stdout=subprocess.PIPE)
    yield child
    child.kill()
    child.communicate()


def test_a_fleet_of_nodes_and_puppets_survives_a_kill_without_losing_a_light(
    fleet: subprocess.Popen[bytes], premises: Premises, tmp_path: Path
) -> None:
    assert fleet.stdout is not None
    assert fleet.stdout.readline() == b"ready\n"
    time.sleep(3)
    fleet.send_signal(signal.SIGKILL)
    fleet.wait()
    made = [one for one in choices(read(tmp_path / "fingers.log")) if one.lit]
    assert len({one.window.partition("/")[0] for one in made}) == len(premises.nodes)
    assert len(made) >= 8
    for path in premises.nodes:
        node = read_settings(path).node
        with closing(sqlite3.connect(path.parent / "outbox.db")) as outbox:
            (kept,) = outbox.execute("SELECT count(*) FROM rating").fetchone()
        assert kept >= sum(one.window.startswith(f"{node}/") for one in made)
