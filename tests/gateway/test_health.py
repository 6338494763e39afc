"""What is known of the nodes, by their own word."""

from contract.status import NodeHealth, NodeStatus
from gateway.health import MOST_NODES, Health

A1, A2 = "371721121-a1", "371721121-a2"


def test_a_node_that_never_spoke_is_down_since_nobody_knows_when() -> None:
    assert Health().of([A1]) == [NodeHealth(NodeStatus(A1, "down"), None)]


def test_since_is_when_its_condition_changed_and_not_when_it_last_spoke() -> None:
    health = Health()
    assert health.heard(NodeStatus(A1, "up", queue=1), 100)
    assert not health.heard(NodeStatus(A1, "up", queue=2), 200)

    assert health.of([A2, A1]) == [
        NodeHealth(NodeStatus(A2, "down"), None),
        NodeHealth(NodeStatus(A1, "up", queue=2), 100),
    ]


def test_what_the_wall_should_hear_of_at_once() -> None:
    health = Health()
    health.heard(NodeStatus(A1, "up", clock_error_ms=5), 100)

    for at, status in enumerate(
        [
            NodeStatus(A1, "up", clock_error_ms=5, stuck=["02/3"]),
            NodeStatus(A1, "up", clock_error_ms=5, full=True),
            NodeStatus(A1, "up"),
            NodeStatus(A1, "up", epoch="AAAAAAAAAA"),
            NodeStatus(A1, "up", config=3),
            NodeStatus(A1, "down"),
        ],
        200,
    ):
        assert health.heard(status, at)
        assert health.of([A1]) == [NodeHealth(status, at)]


def test_invented_names_do_not_fill_the_memory() -> None:
    health = Health()
    health.heard(NodeStatus(A1, "up"), 1)
    for number in range(MOST_NODES + 50):
        health.heard(NodeStatus(f"371721121-x{number}", "up"), 1)

    assert len(health._nodes) == MOST_NODES
    assert health.heard(NodeStatus(A1, "down"), 2)
    assert not health.heard(NodeStatus(A2, "up"), 2)
