"""The number of steps that the model ran, at the end of whatever was run; and a profile of hypothesis for a night."""

import pytest
from hypothesis import settings

from tests.model.count import told

settings.register_profile("thorough", max_examples=20_000)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in told():
        terminalreporter.write_line(line)
