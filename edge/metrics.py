"""What a node tells Prometheus."""

from prometheus_client.metrics_core import Metric

from edge.node import Node
from transport.exposition import build_info, counter, gauge, of_a_hop


async def figures(node: Node) -> list[Metric]:
    """Return every family of `node`; before it is ready, its version only."""
    if not node.ready.is_set():
        return [build_info()]
    status, readable, refused, up, lanes, commits = await node.vitals()
    return [
        *of_a_hop("edge", status, lanes, commits, readable=readable),
        counter("manyi_edge_ratings_settled", "Choices that settled, refused ones included", status.settled),
        counter("manyi_edge_ratings_refused", "Choices that the full disk could not take", refused),
        counter("manyi_edge_presses_ignored", "Presses within a cooldown", status.ignored),
        gauge("manyi_edge_link_up", "Whether the connection to the gateway's broker stands", up),
        gauge("manyi_edge_stuck_buttons", "Buttons held for 60 s or more", len(status.stuck)),
        gauge("manyi_edge_windows", "Windows that are served", len(status.windows)),
    ]
