"""How the township's nodes are, gathered from their retained statuses. Pure."""

from collections.abc import Sequence

from contract.status import NodeHealth, NodeStatus

MOST_NODES = 4096


class Health:
    """The newest status of each node, and since when it has been up or down."""

    def __init__(self) -> None:
        """Know nobody yet."""
        self._nodes: dict[str, NodeHealth] = {}

    def heard(self, status: NodeStatus, now: int | None) -> bool:
        """Take in a status at `now` (city's time, ms, None: unknown); whether the wall should hear of it at once."""
        before = self._nodes.get(status.node)
        if before is None and len(self._nodes) == MOST_NODES:
            # Statuses are not signed: whoever invents names shall not fill the memory.
            return False
        changed = before is None or _condition(before.status) != _condition(status)
        since = now if before is None or changed else before.since
        self._nodes[status.node] = NodeHealth(status, since)
        return changed

    def windows(self, node: str) -> Sequence[str]:
        """The windows that `node` last said it has; none where it never said anything."""
        known = self._nodes.get(node)
        return () if known is None else known.status.windows

    def of(self, roster: list[str]) -> list[NodeHealth]:
        """The nodes of `roster`; one that never said anything is down since nobody knows when."""
        return [self._nodes.get(node, NodeHealth(NodeStatus(node, "down"), None)) for node in roster]


def _condition(status: NodeStatus) -> tuple[object, ...]:
    return status.state, status.full, tuple(status.stuck), status.clock_error_ms is None, status.epoch, status.config
