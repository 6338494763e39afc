"""What a tablet at a window sends: ratings, each under its number. Pure."""

from typing import Annotated

import msgspec

from cloud.carriers.rules import Delivery, Press
from contract.batch import MAX_ROWS

# Of one delivery; it is signed in batches of at most so many.
MOST_ROWS = min(200, MAX_ROWS)


class Ratings(Delivery, frozen=True, forbid_unknown_fields=True):
    """Ratings as a tablet took them."""

    rows: Annotated[list[Press], msgspec.Meta(max_length=MOST_ROWS)]
