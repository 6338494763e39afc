"""Topics: written in one place, read back by whose they are."""

import pytest

from contract import topics


def test_topics_as_they_stand_on_the_wire() -> None:
    assert topics.node("371721121-a1", "ratings") == "manyi/1/371721121-a1/ratings"
    assert topics.township("371721121", "live") == "manyi/1/371721/371721121/live"
    assert topics.every_node("ratings") == "manyi/1/+/ratings"
    assert topics.every_township("backlog") == "manyi/1/+/+/backlog"
    assert topics.every_township("backlog", "371721") == "manyi/1/371721/+/backlog"


def test_a_topic_belongs_to_its_node_or_township() -> None:
    assert topics.writer(topics.node("371721121-a1", "status")) == "371721121-a1"
    assert topics.writer(topics.township("371721121", "status")) == "371721121"


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "manyi/1",
        "manyi/2/371721121-a1/ratings",
        "manyi/1/371721121-A1/ratings",
        "manyi/1/371721121/ratings",
        "manyi/1/371721/371721121-a1/live",
        "manyi/1/371722/371721121/live",
        "manyi/1/371721/371721121/live/more",
        "other/371721121-a1/ratings",
        "371721121-a1/ratings",
        "371721/371721121/live",
        "$SYS/broker/version",
    ],
)
def test_a_strange_topic_belongs_to_nobody(topic: str) -> None:
    assert topics.writer(topic) == ""
