"""What every test of the model adds to the count; and a profile of hypothesis for a night."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from tests.model.count import PROPERTY, taken

settings.register_profile("thorough", max_examples=20_000)


@pytest.fixture(autouse=True)
def counted(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Give the report what the test counted."""
    yield
    record_property(PROPERTY, taken())
