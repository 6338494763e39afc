"""What the hall reads of the gateway's journal."""

from contract.batch import Batch
from contract.codec import stored_batch
from transport.shelf import Shelf

AFTER = "SELECT id, raw FROM batch WHERE id > ? ORDER BY id LIMIT ?"
# The newest word of the city about the time: one in ten minutes is kept.
HEARD = "SELECT max(at) FROM anchor"
_PAGE = 500


async def after(journal: Shelf, last: int) -> list[tuple[int, Batch]]:
    """Return some batches behind the row `last`, each with its row, in the order in which they came."""
    return [(row, stored_batch(raw)) for row, raw in await journal.disk.read(AFTER, (last, _PAGE))]


async def heard(journal: Shelf) -> int | None:
    """When (the city's time, ms) the city last told the time, to within ten minutes; None: never."""
    ((at,),) = await journal.disk.read(HEARD)
    return None if at is None else int(at)
