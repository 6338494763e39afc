"""What a gateway tells Prometheus."""

import asyncio
from pathlib import Path

import pytest

from contract.batch import Batch, StreamKey
from contract.codec import encode
from contract.config import RosterNode
from contract.errors import Reason, Refused
from contract.rating import Quality, Row
from contract.signing import Signer
from gateway.metrics import figures
from gateway.post import Gateway
from gateway.settings import Settings
from tests.unreadable import IN_EITHER_WAY, Reading, become_unreadable
from transport.broker import Broker
from transport.intake import Quarantined

NOWHERE = Broker("127.0.0.1", 9)
STREAM = StreamKey("371721121-a1", "q7Zk2wX0aB")


async def test_what_was_refused_is_told_by_reason_and_nothing_by_window(tmp_path: Path) -> None:
    city = Signer(b"9" * 32).public
    roster = [RosterNode(f"371721121-a{number}", Signer(bytes([number]) * 32).public) for number in (1, 2)]
    settings = Settings("371721121", f"{tmp_path}/journal.db", "g0.key", city, NOWHERE, NOWHERE, roster=roster)
    gateway = Gateway(settings, Signer(b"3" * 32))
    assert [family.name for family in await figures(gateway)] == ["manyi_build_info"]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(gateway.run(), name="gateway")
        await gateway.ready.wait()
        for _ in range(3):
            gateway._reception.quarantined(Quarantined("371721121-x", Refused(Reason.UNKNOWN_NODE, "x"), b""))
        families = await figures(gateway)
        gateway.stop()
    samples = {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}
    assert samples["manyi_gateway_refused_total", "unknown_node"] == 3
    assert samples["manyi_gateway_refused_total", "wrong_signature"] == 0
    assert samples["manyi_gateway_nodes", "down"] == 2
    assert [samples["manyi_gateway_link_up", link] for link in ("nodes", "live", "backlog")] == [0, 0, 0]
    assert samples[("manyi_gateway_waiting_ratings",)] == 0
    labels = {name for family in families for sample in family.samples for name in sample.labels}
    assert labels == {"le", "version", "reason", "link", "state"}


@IN_EITHER_WAY
async def test_a_disk_that_cannot_be_read_leaves_out_only_what_it_alone_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reading: Reading
) -> None:
    node = Signer(b"1" * 32)
    batch = Batch(1, *STREAM, 1, 1_795_370_400_000, Quality.SYNCHRONISED, [Row(0, "01", 3, 1)])
    city = Signer(b"9" * 32).public
    settings = Settings("371721121", f"{tmp_path}/journal.db", "g0.key", city, NOWHERE, NOWHERE)
    gateway = Gateway(settings, Signer(b"3" * 32))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(gateway.run(), name="gateway")
        await gateway.ready.wait()
        gateway._forwarder.sender.refill(await gateway._journal.put([(batch, node.entry(encode(batch)))]))
        whole = await figures(gateway)
        with monkeypatch.context() as broken:
            become_unreadable(broken, reading)
            told = await figures(gateway)
        again = await figures(gateway)
        gateway.stop()
    of = {family.name: family.samples[0].value for family in told}
    assert {family.name for family in whole} - of.keys() == {"manyi_gateway_oldest_seconds"}
    assert (of["manyi_gateway_disk_readable"], of["manyi_gateway_waiting_ratings"]) == (0, 1)
    assert of["manyi_gateway_disk_free_bytes"] > 0
    assert [family.name for family in again] == [family.name for family in whole]
