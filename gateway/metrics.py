"""What a gateway tells Prometheus."""

from collections import Counter

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from contract.errors import Reason
from gateway.post import Gateway
from transport.exposition import build_info, filled, of_a_hop


async def figures(gateway: Gateway) -> list[Metric]:
    """Return every family of `gateway`; before it is ready, its version only."""
    if not gateway.ready.is_set():
        return [build_info()]
    status, readable, up, lanes, commits = await gateway.vitals()
    refused = CounterMetricFamily("manyi_gateway_refused", "Inputs of nodes that were refused", labels=["reason"])
    links = GaugeMetricFamily("manyi_gateway_link_up", "Whether a connection stands", labels=["link"])
    nodes = GaugeMetricFamily("manyi_gateway_nodes", "Nodes on the roster, as they last said", labels=["state"])
    states = Counter(health.status.state for health in status.nodes)
    return [
        *of_a_hop("gateway", status, lanes, commits, readable=readable),
        filled(refused, ((reason.value, status.quarantined.get(reason, 0)) for reason in Reason)),
        filled(links, up.items()),
        filled(nodes, ((state, states[state]) for state in ("up", "down"))),
    ]
