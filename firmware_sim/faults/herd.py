"""Ten thousand nodes by their protocol alone, all with a backlog: `python -m firmware_sim.faults.herd SPEC.json`.

Each is a puppet: the real outbox (in memory), sender, signatures and dating of a node. None has ever met the city. It
says `ready` when all have their backlog and connects all at once. It says `caught up` when nothing waits for an ack any
more, and `WORD` in its folder then has how wrong each said that its time may be. On SIGUSR1 it says `quiet`: nobody
presses. SIGTERM and SIGINT stop it.
"""

import asyncio
import hashlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec

from contract.batch import StreamKey
from contract.hello import Clock
from contract.identity import epoch_text, window_id
from contract.rating import Level
from contract.signing import Signer, public_key
from edge.settings import Settings
from firmware_sim.cityplan import wiring
from firmware_sim.fingerlog import Entry, FingerLog
from firmware_sim.inline import new_outbox_in_memory
from firmware_sim.puppets import Publish, Puppet, Puppets
from transport.boot import boot_id, boottime_ms, wall_ms
from transport.broker import Broker
from transport.dating import Anchor, Tie
from transport.log import set_up
from transport.outbox import Settled
from transport.station import Station
from transport.steps import unsaid
from transport.timepiece import Timepiece

_WINDOW = wiring(1)
# They say how they are when they come, and hardly ever after that.
_HEARTBEAT_S = 600.0
_LOOK_S = 0.2
# A JSON object: milliseconds by node.
WORD = "stated.json"


class _Frank(Timepiece):
    """Remembers the largest error that it ever stated, in ms."""

    worst_ms = 0

    def heard(self, clock: Clock, round_trip_s: float, arrived: int | None = None) -> Anchor | Tie | None:
        learnt = super().heard(clock, round_trip_s, arrived)
        now = self.now()
        self.worst_ms = max(self.worst_ms, now.error if now else 0)
        return learnt


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`nodes` share `connections` to the broker at `port`; each has `backlog` ratings. `folder`: any on the disk."""

    nodes: list[str]
    log: str
    folder: str
    seed: int
    port: int
    city_key: str
    connections: int
    backlog: int


def signer_of(seed: int, node: str) -> Signer:
    """Return the key of `node`, which follows from the seed: ten thousand files would take longer than the rest."""
    return Signer(hashlib.sha256(f"{seed}/{node}".encode()).digest())


class Herd:
    """`fill` them, then let them `run` until `stop`."""

    def __init__(self, spec: Spec, log: FingerLog) -> None:
        """Prepare; nobody connects yet."""
        self._spec = spec
        self._log = log
        self._random = Random(f"{spec.seed}/herd")
        self._stopping = asyncio.Event()
        self._timepieces: dict[str, _Frank] = {}
        settings = [self._settings(node) for node in spec.nodes]
        self.troupes = [
            Puppets(settings[number :: spec.connections], name=f"herd-{number}", opened=self._puppet)
            for number in range(spec.connections)
        ]

    def stop(self) -> None:
        """Make `run` end."""
        self._stopping.set()
        for troupe in self.troupes:
            troupe.stop()

    async def fill(self) -> None:
        """Open all outboxes and let people press at every node, none of which has a line."""
        for troupe in self.troupes:
            await troupe.open()
            for puppet in troupe.puppets:
                for number in range(self._spec.backlog):
                    await self._press(puppet, number)

    async def run(self) -> None:
        """Connect all at once; say when nothing waits any more."""
        async with asyncio.TaskGroup() as group:
            for troupe in self.troupes:
                group.create_task(troupe.run(), name="troupe")
            while not self._stopping.is_set() and any(map(_waits, self._puppets())):  # noqa: ASYNC110  (10,000 Events)
                await asyncio.sleep(_LOOK_S)
            self._give_word()
            _say("caught up")

    def _give_word(self) -> None:
        stated = {node: timepiece.worst_ms for node, timepiece in self._timepieces.items()}
        (Path(self._spec.folder) / WORD).write_bytes(msgspec.json.encode(stated))

    def _puppets(self) -> list[Puppet]:
        return [puppet for troupe in self.troupes for puppet in troupe.puppets]

    def _settings(self, node: str) -> Settings:
        return Settings(
            node,
            store="",
            key="",
            city_key=self._spec.city_key,
            broker=Broker("127.0.0.1", self._spec.port),
            window=[_WINDOW],
            heartbeat_s=_HEARTBEAT_S,
        )

    async def _puppet(self, settings: Settings, publish: Publish) -> Puppet:
        outbox = await new_outbox_in_memory(Path(self._spec.folder))
        signer, boot = signer_of(self._spec.seed, settings.node), boot_id()
        epoch = epoch_text(self._random.getrandbits(60))
        await outbox.begin(StreamKey(settings.node, epoch), signer, boot)
        timepiece = _Frank(await outbox.dating(), boot=boot, boottime_ms=boottime_ms, wall_ms=wall_ms)
        self._timepieces[settings.node] = timepiece
        station = Station(settings.node, epoch, signer, public_key(settings.city_key), timepiece)
        return Puppet(settings, outbox, station, publish)

    async def _press(self, puppet: Puppet, number: int) -> None:
        window, level = window_id(puppet.settings.node, _WINDOW.id), self._random.choice((*Level,))
        name = f"{puppet.settings.node}-{number}"
        self._log.write(Entry("pressed", name, window, level, wall_ms()))
        await puppet.outbox.append(Settled(_WINDOW.id, level, 1, boottime_ms(), None), cut=False)
        self._log.write(Entry("lit", name, window, level, wall_ms()))


def _waits(puppet: Puppet) -> bool:
    return bool(puppet.outbox.uncut or puppet.sender.lanes.ratings())


def _say(word: str) -> None:
    print(word, flush=True)  # noqa: T201  (the parent waits for it)


async def _serve(spec: Spec) -> None:
    with FingerLog(Path(spec.log)) as log:
        herd = Herd(spec, log)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, _say, "quiet")
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, herd.stop)
        await herd.fill()
        _say("ready")
        await herd.run()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the herd of the one file in `argv`; 2 with one line where it cannot be used."""
    try:
        (path,) = sys.argv[1:] if argv is None else argv
        spec = msgspec.json.decode(Path(path).read_bytes(), type=Spec)
    except (ValueError, OSError) as bad:
        sys.stderr.write(f"usage: python -m firmware_sim.faults.herd SPEC.json: {bad}\n")
        return 2
    set_up("json", house="edge", who="herd")
    unsaid()
    asyncio.run(_serve(spec))
    return 0


if __name__ == "__main__":
    sys.exit(main())
