"""Ten thousand nodes reconnect at once, each with a backlog: in a city of their own, with a verdict of its own."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from time import monotonic

import msgspec

from contract.settings import parse
from firmware_sim.box import Box, Order, township_codes
from firmware_sim.cityplan import NodePlan, TownshipPlan, wiring
from firmware_sim.faults.city import FaultyCity
from firmware_sim.faults.effect import Effect, Fault, NoEffect
from firmware_sim.faults.herd import WORD, Spec, signer_of
from firmware_sim.premises import Habits, Premises, Wires, build
from firmware_sim.servers.daemon import free_port
from firmware_sim.siege import under_siege

NODES = 10_000
TOWNSHIPS = 30
CONNECTIONS = 40
BACKLOG = 2
_CATCH_UP_S = 240.0
_HABITS = Habits(heartbeat_s=20.0, least=1)


class HerdCity(Box):
    """A city whose nodes have no line yet, and no files: their keys follow from the seed."""

    def __init__(
        self, order: Order, folder: Path, group: asyncio.TaskGroup, *, nodes: int, wall_ms: Callable[[], int]
    ) -> None:
        """Plan it in `folder` for so many `nodes`, one window each."""
        super().__init__(order, folder, group, wall_ms=wall_ms)
        self.plan = [
            TownshipPlan(code, tuple(NodePlan(f"{code}-a{number}", (wiring(1),)) for number in range(each)))
            for code, each in _shares(township_codes()[: order.townships], nodes)
        ]
        self.fleet = self._child("fleet", "firmware_sim.faults.herd", folder / "herd.json", speaks=True)

    async def lay_foundation(self) -> None:
        """As a box, with a herd in place of its fleet."""
        await super().lay_foundation()
        settings = parse(self.premises.gateways[0].read_text(encoding="utf-8"), _CityKey, file="gateway.toml")
        spec = Spec(
            [node.name for township in self.plan for node in township.nodes],
            log=str(self.log),
            folder=str(self.folder),
            seed=self.order.seed,
            port=self.ground.node_broker.port,
            city_key=settings.city_key,
            connections=CONNECTIONS,
            backlog=BACKLOG,
        )
        (self.folder / "herd.json").write_bytes(msgspec.json.encode(spec))

    def _build(self, folder: Path, wires: Wires) -> Premises:
        seed = self.order.seed
        return build(
            self.plan,
            folder,
            wires=wires,
            habits=self.order.habits,
            stores=self.ground.stores,
            key_of=lambda node: signer_of(seed, node).public,
        )


class _CityKey(msgspec.Struct):
    city_key: str


class Storm:
    """They all say hello at once, and then all they have."""

    kind = "ten-thousand-reconnect"
    seconds = 60.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Open a city of its own for them, beside the one that goes on, and let its verdict count too."""
        seed = random.getrandbits(32)
        order = Order(TOWNSHIPS, TOWNSHIPS, seed, 1.0, free_port(), _HABITS)
        folder = city.folder / f"herd-{seed:x}"

        def plan(group: asyncio.TaskGroup) -> HerdCity:
            return HerdCity(order, folder, group, nodes=NODES, wall_ms=city.now_ms)

        async with under_siege(plan, drain_s=_CATCH_UP_S) as siege:
            begin = monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(_CATCH_UP_S):
                    await siege.box.fleet.says("caught up")
                    stated = msgspec.json.decode((folder / WORD).read_bytes(), type=dict[str, int])
                    siege.box.allowed.stated.update(stated)
            took_s = monotonic() - begin
        city.others.append(siege.evidence)
        if took_s >= _CATCH_UP_S:
            raise NoEffect(f"{NODES} nodes had not caught up after {_CATCH_UP_S:.0f} s")
        settled = siege.evidence.verdict.settled
        target = f"{NODES} nodes on {CONNECTIONS} connections, {TOWNSHIPS} townships"
        worst_s = max(siege.box.allowed.stated.values()) / 1000
        observed = f"{settled} ratings of backlog were at the gateways {took_s:.1f} s later"
        observed += f", their times right within {worst_s:.1f} s by their own account"
        return Effect(self.kind, target, observed)


def _shares(codes: list[str], nodes: int) -> list[tuple[str, int]]:
    least, more = divmod(nodes, len(codes))
    return [(code, least + (number < more)) for number, code in enumerate(codes)]


FAULTS: tuple[Fault, ...] = (Storm(),)
