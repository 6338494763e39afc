"""What the taps of the fault simulator make of what they hear."""

from contract import topics
from contract.batch import Batch
from contract.bundle import pack
from contract.codec import encode
from contract.rating import Quality, Row
from contract.signing import Signer
from firmware_sim.faults.door import Way
from firmware_sim.faults.ear import Cuts
from firmware_sim.faults.packets import Packet, publish

NODE, EPOCH = "371721121-a1", "q7Zk2wX0aB"


def sent(t0: int, *, first: int = 1) -> Packet:
    batch = Batch(1, NODE, EPOCH, first, t0, Quality.CORRECTED, [Row(0, "01", 3, 1), Row(5, "01", 1, 1)])
    return publish(topics.node(NODE, "ratings"), pack([Signer(b"1" * 32).entry(encode(batch))]))


def test_a_batch_that_is_sent_in_other_bytes_is_named() -> None:
    cuts = Cuts()
    for packet in (sent(1000), sent(1000), sent(1000, first=3)):
        cuts(Way.UP, packet)
    assert cuts.changed == []
    cuts(Way.UP, sent(1002))
    assert cuts.changed == [f"{NODE}/{EPOCH}/1 was sent in other bytes than before"] * 2


def test_a_card_that_is_written_back_may_cut_once_more_what_it_had_not_cut() -> None:
    cuts = Cuts()
    cuts(Way.UP, sent(1000))
    cuts(Way.UP, sent(1000, first=3))
    cuts.forget([(NODE, EPOCH, 1), (NODE, EPOCH, 2)])
    cuts(Way.UP, sent(1002))
    assert cuts.changed == []
    cuts(Way.UP, sent(1004))
    cuts(Way.UP, sent(1004, first=3))
    assert len(cuts.changed) == 4
