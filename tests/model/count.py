"""How much the model did in this run of the tests."""

from collections import Counter

# By rule; and what the rules led to.
steps: Counter[str] = Counter()
deeds: Counter[str] = Counter()
# What else is worth a line.
notes: list[str] = []


def told() -> list[str]:
    """Lines for the end of a run; none where no story was told."""
    if not steps:
        return []
    by_rule = ", ".join(f"{name} {count:,}" for name, count in steps.most_common())
    by_deed = ", ".join(f"{count:,} {name}" for name, count in deeds.items())
    lines = [f"model: {note}" for note in notes]
    return [*lines, f"model: {steps.total():,} steps ({by_rule})", f"model: {by_deed}"]
