"""What a broker is told: who may come (mosquitto.conf) and what each may write and read (its access list). Pure.

Patterns hold for whoever has a certificate, `%u` being the common name in it; the lines below a `user` hold for that
one beside them. So a foreign device is confined to topics of its own name, where nobody listens to it: a gateway takes
nodes of its own roster only, and the city no township in another county than its own.
"""

from pathlib import Path

from cloud.pki.names import CITY
from contract.topics import ROOT, NodeLeaf, TownshipLeaf, every_node, every_township

ANYBODY = "%u"
NODE_WRITES: tuple[NodeLeaf, ...] = ("ratings", "status")
NODE_READS: tuple[NodeLeaf, ...] = ("acks", "config", "prompt")
TOWNSHIP_WRITES: tuple[TownshipLeaf, ...] = ("live", "backlog", "status")
TOWNSHIP_READS: tuple[TownshipLeaf, ...] = ("acks", "config", "hall")

# The files of a broker's folder.
CONF, ACL, CA, REVOKED, CERTIFICATE, KEY = "mosquitto.conf", "acl", "ca.pem", "crl.pem", "broker.pem", "broker.key"


def acl(place: str) -> str:
    """Return the access list of the broker at `place`: the city's, or a township's, whose gateway has its name."""
    if place == CITY:
        writes = [f"{ROOT}/+/{ANYBODY}/{leaf}" for leaf in TOWNSHIP_WRITES]
        reads = [f"{ROOT}/+/{ANYBODY}/{leaf}" for leaf in TOWNSHIP_READS]
        hears = [every_township(leaf) for leaf in TOWNSHIP_WRITES]
        says = [every_township(leaf) for leaf in TOWNSHIP_READS]
    else:
        writes = [f"{ROOT}/{ANYBODY}/{leaf}" for leaf in NODE_WRITES]
        reads = [f"{ROOT}/{ANYBODY}/{leaf}" for leaf in NODE_READS]
        hears = [every_node(leaf) for leaf in NODE_WRITES]
        says = [every_node(leaf) for leaf in NODE_READS]
    lines = [
        *(f"pattern write {topic}" for topic in writes),
        *(f"pattern read {topic}" for topic in reads),
        f"user {place}",
        *(f"topic read {topic}" for topic in hears),
        *(f"topic write {topic}" for topic in says),
    ]
    return "\n".join(lines) + "\n"


def conf(folder: Path, port: int) -> str:
    """Return the mosquitto.conf of a broker whose files are in `folder`, an absolute path on its own machine."""
    return f"""# Made by `manyi pki broker`, which makes it anew. Start: mosquitto -c {folder / CONF}
listener {port}
# Nobody comes without a certificate of the city's CA, and the common name in it is who they are.
allow_anonymous false
require_certificate true
use_identity_as_username true
cafile {folder / CA}
certfile {folder / CERTIFICATE}
keyfile {folder / KEY}
# Restart after a change, never reload: a list that a reload cannot read is dropped and nobody is revoked any more,
# and who is connected stays. A start without a readable list fails.
crlfile {folder / REVOKED}
acl_file {folder / ACL}
tls_version tlsv1.3
# A broker is a disposable pipe: what matters is in the outbox, the journal and the ledger.
persistence false
# 0 is unlimited. The default queue of 1000 drops what comes on top, silently, after acknowledging it.
max_queued_messages 0
max_inflight_messages 0
set_tcp_nodelay true
# A bundle is at most 256 KiB. Somewhat more passes, so that the receiver can quarantine it and say why.
max_packet_size 1048576
# Subscriptions to $SYS deliver nothing, by the access list; nothing is counted for them either.
sys_interval 0
log_dest stderr
log_type error
log_type warning
log_type notice
"""
