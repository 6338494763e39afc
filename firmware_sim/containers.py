"""The city whose houses are containers, as docker/compose.demo.yml composes it: its files, and the verdict on it.

All houses share one folder, a volume. `lay` fills it; people's fingers write `fingers.log` there and the city its
ledger, and `judge` reads both while everything runs.
"""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import httpx

from firmware_sim.box import township_codes
from firmware_sim.cityplan import TownshipPlan, lay_out
from firmware_sim.evidence import contradictions, gather
from firmware_sim.onlooker import Onlooker
from firmware_sim.premises import USUAL, Keys, Wires, build
from firmware_sim.siege import ZONE, Evidence
from transport.boot import wall_ms

# What compose.demo.yml calls the brokers, each in the network of those who may reach it.
_WIRES = Wires(1883, 1883, 8000, city_host="city-broker", node_host="township-broker")
# Where the health of a container is asked for, as its Dockerfile has it.
_GATEWAY_HEALTH, _NODE_HEALTH = 9100, 9101
_KEYS = "keys.json"
_LOOK_S = 0.5


def lay(folder: Path, *, windows: int, townships: int, seed: int, per_s: float) -> Keys:
    """Write all that the houses need into `folder`, and return by which keys a wall and a program come in.

    For each township, counted from 1: `gateway-N` with the gateway's settings, `fleet-N.json` for those of its nodes at
    which people press (`per_s` visits a second in all), and `node-N`, its last node, which has a container of its own
    and no visitors. `ValueError` where a township has a single node, or the numbers cannot be laid out.
    """
    plan = lay_out(township_codes(), windows=windows, townships=townships, seed=seed)
    if alone := [township.code for township in plan if not township.nodes[1:]]:
        raise ValueError(f"windows: {windows} leave one node to {', '.join(alone)}: more of them, or another seed")
    premises = build(plan, folder, wires=_WIRES, habits=USUAL._replace(least=1))
    pressed = sum(len(node.wiring) for township in plan for node in township.nodes[:-1])
    for number, township in enumerate(plan, 1):
        gateway = _linked(folder / f"gateway-{number}", Path("gateways") / township.code)
        _answer(gateway / "gateway.toml", _GATEWAY_HEALTH)
        node = _linked(folder / f"node-{number}", Path("nodes") / township.nodes[-1].name)
        _answer(node / "edge.toml", _NODE_HEALTH)
        fleet = _fleet(folder, township, seed=seed, share=per_s / pressed)
        (folder / f"fleet-{number}.json").write_text(json.dumps(fleet), encoding="utf-8")
    keys = folder / _KEYS
    keys.touch(mode=0o600)
    keys.write_text(json.dumps(premises.keys._asdict()), encoding="utf-8")
    return premises.keys


async def judge(folder: Path, city: str, *, within_s: float) -> Evidence:
    """Return the verdict on what runs in `folder`, as soon as it is clean, or `within_s` from now.

    `city`: the address of its pages; where nobody answers there at the end, nothing is clean. Raises `OSError`,
    `sqlite3.Error` or `SettingsError` where `folder` holds no such city.
    """
    log, database = folder / "fingers.log", folder / "cloud" / "manyi.db"
    onlooker = Onlooker(city, header=keys_of(folder).header, wall_ms=wall_ms)
    gather(log, database, wall=None)  # before anything runs that would hide what is wrong with the files
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(onlooker.run(), name="onlooker")
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await onlooker.wait_for(0, within_s=within_s)
                while not gather(log, database, wall=onlooker.total).clean:  # noqa: ASYNC110  (files of other houses)
                    await asyncio.sleep(_LOOK_S)
        try:
            drift = await onlooker.drift()
        except httpx.HTTPError as silent:
            drift = [f"{city} does not answer: {silent}"]
        looking.cancel()
    return Evidence(gather(log, database, wall=onlooker.total), drift, contradictions(database, ZONE))


def keys_of(folder: Path) -> Keys:
    """Return the keys of the city that was laid out in `folder`."""
    return Keys(**json.loads((folder / _KEYS).read_text(encoding="utf-8")))


def _fleet(folder: Path, township: TownshipPlan, *, seed: int, share: float) -> dict[str, object]:
    pressed = township.nodes[:-1]
    return {
        "nodes": [str(folder / "nodes" / node.name / "edge.toml") for node in pressed],
        "log": str(folder / "fingers.log"),
        "seed": seed,
        "per_s": share * sum(len(node.wiring) for node in pressed),
    }


def _linked(link: Path, to: Path) -> Path:
    link.symlink_to(to, target_is_directory=True)
    return link


def _answer(settings: Path, port: int) -> None:
    with settings.open("a", encoding="utf-8") as file:
        file.write(f"\n[metrics]\nport = {port}\n")
