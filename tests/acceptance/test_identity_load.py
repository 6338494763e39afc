"""Certificates run out, and keys are replaced, while people press: no rating is lost or doubled."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from cloud.pki import rules
from cloud.pki.invitations import Invitations
from cloud.settings import read as read_cloud
from contract.bundle import Signed
from contract.codec import decode_batch
from contract.signing import public_key, verify
from edge.__main__ import main as edge
from edge.settings import read as read_edge
from firmware_sim.box import Box, Order, township_codes
from firmware_sim.broker import Mosquitto
from firmware_sim.cityplan import lay_out
from firmware_sim.ground import Ground
from firmware_sim.premises import Habits, Premises, Wires
from firmware_sim.siege import under_siege
from gateway.__main__ import read as read_gateway
from tests.identity import Office
from transport import renewal
from transport.boot import wall_ms
from transport.keys import read_key

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

QUICK = Habits(settle_s=0.1, cooldown_s=0.2, heartbeat_s=2.0, least=1)
LOAD_S = 3.0
# Until everybody is at work; certificates must not run out before. A machine that takes longer is given more.
OPEN_S = (30.0, 120.0)


class CertifiedBox(Box):
    """A city in which every line is TLS; those of nodes and gateway run out at `ends` (ms), `runs_s` from now."""

    office: Office
    runs_s: float
    ends: int

    def _build(self, folder: Path, wires: Wires) -> Premises:
        made = super()._build(folder, wires)
        self.ends = wall_ms() + int(self.runs_s * 1000)
        begun = self.ends - rules.LIFE_DAYS * rules.DAY_MS
        self._certify(made.cloud, "city.key", "city", wall_ms())
        held = [self._certify(file, "gateway.key", read_gateway(file).township, begun) for file in made.gateways]
        held += [self._certify(file, "node.key", read_edge(file).node, begun) for file in made.nodes]
        made.cloud.write_text(f'pki = "{self.office.folder / "ca"}"\n{made.cloud.read_text()}')
        # What `manyi pki issue` printed goes into the registration, so that the ledger has it.
        document = json.loads(made.registration.read_text())
        for form, certificate in zip([*document["gateways"], *document["nodes"]], held, strict=True):
            form["certificate"] = certificate.decode()
        made.registration.write_text(json.dumps(document))
        return made

    def _certify(self, settings: Path, key: str, name: str, at: int) -> bytes:
        certificate = self.office.authority.issue(name, read_key(settings.parent / key).public, at)
        (settings.parent / "certificate.pem").write_bytes(certificate)
        (settings.parent / "ca.pem").write_bytes(self.office.ca.read_bytes())
        text = settings.read_text()
        for broker in ("[broker]", "[node_broker]", "[city_broker]"):
            text = text.replace(broker, f'{broker}\nca = "ca.pem"\ncertificate = "certificate.pem"')
        settings.write_text(text)
        return certificate


class Place(NamedTuple):
    """Where a certified city stands: who certifies it, and its two brokers."""

    office: Office
    ground: Ground
    plan: Callable[[asyncio.TaskGroup], CertifiedBox]


def place(folder: Path, port: int, *, runs_s: float) -> Place:
    """A township of 24 windows and its city, to be opened; certificates run `runs_s` from when it is built."""
    order = Order(windows=24, townships=1, seed=7, per_s=24.0, http=port, habits=QUICK)
    office = Office(folder / "office")
    (township,) = lay_out(township_codes(), windows=order.windows, townships=1, seed=order.seed)
    ground = Ground(
        Mosquitto(folder / "city-broker", identity=office.broker("city")),
        Mosquitto(folder / "node-broker", identity=office.broker(township.code)),
    )

    def plan(group: asyncio.TaskGroup) -> CertifiedBox:
        box = CertifiedBox(order, folder / "city", group, wall_ms=wall_ms, ground=ground)
        box.office, box.runs_s = office, runs_s
        return box

    return Place(office, ground, plan)


def renewals(box: CertifiedBox) -> list[renewal.Renewal]:
    """What every device does by itself where its settings name the city's address."""
    city_key = read_key(Path(read_cloud(box.premises.cloud).key)).public
    asking = []
    for file in box.premises.nodes:
        node = read_edge(file)
        asking.append(renewal.Renewal(box.address, node.broker, city_key, name=node.node))
    for file in box.premises.gateways:
        at = read_gateway(file)
        asking.append(renewal.Renewal(box.address, at.city_broker, city_key, name=at.township))
    return asking


def keys(box: CertifiedBox) -> dict[str, bytes]:
    """The public key that lies at each node."""
    nodes = map(read_edge, box.premises.nodes)
    return {node.node: public_key(read_key(Path(node.key)).public) for node in nodes}


@pytest.mark.timeout(600)
async def test_certificates_that_run_out_under_load_cost_no_rating(
    tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "AGAIN_S", 0.5)
    for runs_s in OPEN_S:
        if await ran_out(tmp_path, free_port(), runs_s):
            return
    pytest.fail(f"a city of 24 windows was not at work within {OPEN_S[-1]:.0f} s")


async def ran_out(folder: Path, port: int, runs_s: float) -> bool:
    """Let certificates run out in a city that works, and renew them; False where they ran out before it did."""
    _, ground, plan = place(folder / f"{runs_s:.0f}", port, runs_s=runs_s)
    async with under_siege(plan) as city:
        await asyncio.sleep(LOAD_S)
        caught_up = await city.catch_up()
        if wall_ms() >= city.box.ends:
            return False
        assert caught_up
        await asyncio.sleep((city.box.ends + 1000 - wall_ms()) / 1000)
        before = city.lit
        # Who is connected stays; whoever comes anew is refused by both.
        await ground.node_broker.stop()
        await ground.broker.stop()
        await ground.node_broker.start()
        await ground.broker.start()
        await asyncio.sleep(LOAD_S)
        settled = city.box.onlooker.total or 0
        assert city.lit > before  # people press on
        assert settled < city.lit
        async with AsyncExitStack() as stack:
            for asking in renewals(city.box):
                await stack.enter_async_context(renewal.renewing(asking))
            assert await city.catch_up()
    assert city.evidence.verdict.settled > settled
    assert city.evidence.clean, str(city.evidence)
    return True


async def test_keys_that_are_replaced_under_load_cost_no_rating(tmp_path: Path, free_port: Callable[[], int]) -> None:
    office, _, plan = place(tmp_path, free_port(), runs_s=rules.LIFE_DAYS * 86_400)
    token = tmp_path / "token"
    async with under_siege(plan) as city:
        box = city.box
        await asyncio.sleep(LOAD_S)
        assert await city.catch_up()
        # Nobody takes what they sign: full outboxes, signed with the keys of before.
        await box.gateways.kill()
        await asyncio.sleep(LOAD_S)
        old, begun = keys(box), wall_ms()
        invitations = Invitations(office.folder / "ca")
        for node in box.premises.nodes:
            token.write_text(invitations.invite(read_edge(node).node, wall_ms() + 60_000).text)
            words = ["enrol", "--config", str(node), "--city", box.address, "--token-file", str(token), "--new-key"]
            assert await asyncio.to_thread(edge, words) == 0
        assert not old.items() & keys(box).items()
        # The new keys lie there; the nodes run on with the old ones until the plug is pulled.
        await asyncio.sleep(LOAD_S)
        await box.fleet.kill()
        await box.restart(box.fleet)
        await asyncio.sleep(LOAD_S)
        await box.restart(box.gateways)
        assert await city.catch_up()
    assert city.evidence.clean, str(city.evidence)
    with closing(sqlite3.connect(box.premises.database)) as ledger:
        entries = [Signed.of(raw) for (raw,) in ledger.execute("SELECT raw FROM ledger_entry WHERE kind = 'batch'")]
    batches = [(decode_batch(entry.body), entry) for entry in entries]
    by_old = [batch for batch, entry in batches if verify(entry.body, entry.signature, old[batch.node])]
    assert any(batch.t0 >= begun for batch in by_old)
    assert len(by_old) < len(batches)
    await box.errand("audit", "cli.main", "audit", "--database", box.premises.database, "--ca", office.ca)
