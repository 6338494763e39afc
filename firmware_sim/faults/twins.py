"""Two devices with one identity: a node's card was copied, and original and copy are both at their windows."""

import asyncio
import json
import secrets
import shutil
import signal
import sqlite3
import sys
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from random import Random

import msgspec

from contract.identity import township_of
from contract.ranges import Ranges
from firmware_sim.children import Child
from firmware_sim.faults.city import FaultyCity
from firmware_sim.faults.door import Door, Way
from firmware_sim.faults.effect import Effect, Fault, NoEffect
from firmware_sim.faults.packets import CONNECT, Packet
from firmware_sim.faults.patient import Patient
from firmware_sim.servers.daemon import HOST

_TOGETHER_S = 5.0
# So many visits a second at the copy's windows.
_PER_S = 4.0
# More than one from each.
_FOUGHT = 3
_BATCHES = "SELECT epoch, first, b.last FROM batch b JOIN stream s ON s.id = b.stream WHERE s.id > ?"


class Twins:
    """Both press on under one name, with one key, and with the same old ratings on their cards."""

    kind = "two-with-one-identity"
    seconds = 14.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Copy the card of a node, let both throw each other out for a while, then let the copy finish and go."""
        original = random.choice(city.premises.nodes).parent
        name, folder = original.name, city.folder / f"twin-{random.getrandbits(64):x}"
        (journal,) = [file.parent / "journal.db" for file in city.premises.gateways if township_of(name) in str(file)]
        door = Door(lambda: (HOST, city.township_broker.port))
        await door.open()
        connects = 0

        def count(_: Way, packet: Packet) -> None:
            nonlocal connects
            connects += packet.kind == CONNECT and packet.client == name

        door.taps.append(count)
        card = _copy_card(original, folder, city.township_line.port, door.port)
        twin = _people(city, card, random)
        try:
            with city.township_line.tapped(count):
                await twin.start()
                await twin.says("ready")
                await asyncio.sleep(_TOGETHER_S)
                fought = await city.until(lambda: connects >= _FOUGHT)
            # The original waits outside until the copy has said all it has to say.
            with city.township_line.barred(lambda who: who == name):
                twin.tell(signal.SIGUSR1)
                await twin.says("quiet")
                said = await city.until(lambda: _given(card) > 0 and _unsaid(card, journal) == 0)
                await twin.stop()
        finally:
            await twin.stop()
            await door.close()
        given, unsaid = _given(card), _unsaid(card, journal)
        observed = f"{connects} connects under one name, {given} ratings given at the copy, {unsaid} of them unsaid"
        if not fought or not said:
            raise NoEffect(f"{name}: {observed}")
        return Effect(self.kind, name, observed)


def _copy_card(original: Path, folder: Path, port: int, door: int) -> Path:
    """Image the card of a running node into `folder`, and let the image connect through its own `door`."""
    card = folder / original.name
    card.mkdir(parents=True)
    shutil.copy(original / "node.key", card)
    settings = (original / "edge.toml").read_text(encoding="utf-8")
    (card / "edge.toml").write_text(settings.replace(f"port = {port}\n", f"port = {door}\n"), encoding="utf-8")
    with (
        closing(sqlite3.connect(original / "outbox.db")) as source,
        closing(sqlite3.connect(card / "outbox.db")) as image,
    ):
        source.backup(image)
        # How much of it is the original's.
        (last,) = image.execute("SELECT coalesce(max(id), 0) FROM stream").fetchone()
    (card / "streams").write_text(str(last), encoding="ascii")
    return card


def _people(city: FaultyCity, card: Path, random: Random) -> Child:
    """Return the process of the copy, on a machine of its own, with other people than the original's."""
    folder = card.parent
    spec = {"nodes": [str(card / "edge.toml")], "log": str(city.log), "seed": random.getrandbits(32), "per_s": _PER_S}
    (folder / "fleet.json").write_text(json.dumps(spec), encoding="utf-8")
    patient = Patient("fleet", folder, city.breach.get("fleet", ()))
    patient.machine = msgspec.structs.replace(city.patients["fleet"].machine, nerve=secrets.token_hex(8))
    patient.power_up(reboot=True)
    command = [sys.executable, *patient.way, "firmware_sim.fleet", str(folder / "fleet.json")]
    return Child("twin", command, log=folder / "twin.log", speaks=True)


def _given(card: Path) -> int:
    """Return how many ratings have been given at the copy itself."""
    cut, uncut = _own(card)
    return uncut + sum(map(len, cut.values()))


def _unsaid(card: Path, journal: Path) -> int:
    """Return how many of these are not in the gateway's journal; what is older the original has too."""
    cut, uncut = _own(card)
    with closing(sqlite3.connect(journal)) as there:
        held = _numbers(there, 0)
    return uncut + sum(len(numbers - held.get(epoch, Ranges())) for epoch, numbers in cut.items())


def _own(card: Path) -> tuple[dict[str, Ranges], int]:
    """Return what was given at the copy: numbers in batches, by epoch, and how many are in none yet."""
    born = int((card / "streams").read_text(encoding="ascii"))
    with closing(sqlite3.connect(card / "outbox.db")) as shelf:
        (uncut,) = shelf.execute("SELECT count(*) FROM rating WHERE stream > ?", [born]).fetchone()
        return _numbers(shelf, born), int(uncut)


def _numbers(store: sqlite3.Connection, born: int) -> dict[str, Ranges]:
    batches: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for epoch, first, last in store.execute(_BATCHES, [born]):
        batches[epoch].append((first, last))
    return {epoch: Ranges(pairs) for epoch, pairs in batches.items()}


FAULTS: tuple[Fault, ...] = (Twins(),)
