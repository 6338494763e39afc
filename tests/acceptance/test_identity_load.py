"""Certificates run out while people press: everybody is refused, renews, and no rating is lost or doubled."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cloud.pki import rules
from cloud.settings import read as read_cloud
from contract.identity import township_of
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
# Until everybody is at work; certificates must not run out before.
OPEN_S = 25.0


class CertifiedBox(Box):
    """A city in which every line is TLS; the certificates of nodes and gateway run out at `ends` (ms)."""

    office: Office
    ends: int

    def _build(self, folder: Path, wires: Wires) -> Premises:
        made = super()._build(folder, wires)
        self.ends = wall_ms() + int(OPEN_S * 1000)
        begun = self.ends - rules.LIFE_DAYS * rules.DAY_MS
        self._certify(made.cloud, "city.key", "city", wall_ms())
        for file in made.gateways:
            self._certify(file, "gateway.key", read_gateway(file).township, begun)
        for file in made.nodes:
            self._certify(file, "node.key", read_edge(file).node, begun)
        made.cloud.write_text(f'pki = "{self.office.folder / "ca"}"\n{made.cloud.read_text()}')
        return made

    def _certify(self, settings: Path, key: str, name: str, at: int) -> None:
        certificate = self.office.authority.issue(name, read_key(settings.parent / key).public, at)
        (settings.parent / "certificate.pem").write_bytes(certificate)
        (settings.parent / "ca.pem").write_bytes(self.office.ca.read_bytes())
        text = settings.read_text()
        for broker in ("[broker]", "[node_broker]", "[city_broker]"):
            text = text.replace(broker, f'{broker}\nca = "ca.pem"\ncertificate = "certificate.pem"')
        settings.write_text(text)


def renewals(box: CertifiedBox) -> list[renewal.Renewal]:
    """What every device does by itself where its settings name the city's address."""
    city_key = read_key(Path(read_cloud(box.premises.cloud).key)).public
    asking = []
    for file in box.premises.nodes:
        node = read_edge(file)
        asking.append(renewal.Renewal(box.address, node.broker, read_key(Path(node.key)), city_key, name=node.node))
    for file in box.premises.gateways:
        at = read_gateway(file)
        asking.append(renewal.Renewal(box.address, at.city_broker, read_key(Path(at.key)), city_key, name=at.township))
    return asking


async def test_certificates_that_run_out_under_load_cost_no_rating(
    tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "AGAIN_S", 0.5)
    order = Order(windows=24, townships=1, seed=7, per_s=24.0, http=free_port(), habits=QUICK)
    office = Office(tmp_path / "office")
    ((township,),) = [lay_out(township_codes(), windows=order.windows, townships=1, seed=order.seed)]
    assert {township_of(node.name) for node in township.nodes} == {township.code}
    ground = Ground(
        Mosquitto(tmp_path / "city-broker", identity=office.broker("city")),
        Mosquitto(tmp_path / "node-broker", identity=office.broker(township.code)),
    )

    def plan(group: asyncio.TaskGroup) -> CertifiedBox:
        box = CertifiedBox(order, tmp_path / "city", group, wall_ms=wall_ms, ground=ground)
        box.office = office
        return box

    async with under_siege(plan) as city:
        await asyncio.sleep(LOAD_S)
        assert await city.catch_up()
        assert wall_ms() < city.box.ends, "it took so long to open that the certificates had run out"
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
