"""A day that a request names: one of those that the city can count from, back and forth."""

from datetime import date
from typing import Annotated

from pydantic import Field

FIRST, LAST = date(1970, 1, 1), date(2999, 12, 31)
NamedDay = Annotated[date, Field(ge=FIRST, le=LAST)]
