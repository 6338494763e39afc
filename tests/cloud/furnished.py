"""A city with offices, windows, nodes, duties and tallies, for the pages that show them."""

import json

from cloud.calendar import Calendar
from cloud.database import write
from cloud.registry.load import register
from cloud.tallies import store as tallies
from contract.signing import Signer
from proof.scores import Counts
from tests.cloud.reception import NOW
from tests.cloud.where import Where

CALENDAR = Calendar("Asia/Shanghai")
NODE, OTHER, FOREIGN = "371721121-a1", "371721122-b2", "371702001-c3"
PINS = [
    {"id": "01", "satisfied": 17, "basic": 27, "dissatisfied": 22},
    {"id": "02", "satisfied": 5, "basic": 6, "dissatisfied": 13},
]
TODAY = CALENDAR.day(NOW)


def document(**config: object) -> str:
    """Three nodes in three townships of two counties, two windows each."""
    return json.dumps(
        {
            "nodes": [
                {
                    "node": node,
                    "key": Signer(node.encode().ljust(32, b".")).public,
                    "windows": ["01", "02"],
                    "config": {"windows": PINS, **config},
                }
                for node in (NODE, OTHER, FOREIGN)
            ],
            "offices": [
                {"code": "371721121:zw", "zh": "政务大厅", "en": "Service Hall", "windows": [{"id": f"{NODE}/01"}]}
            ],
            "duties": [
                {"person": "371721121:1024", "zh": "李敏", "en": "Li Min", "window": f"{NODE}/01",
                 "from": "2026-10-02T09:00:00+08:00"}
            ],
        }
    )  # fmt: skip


async def furnish(where: Where, **config: object) -> None:
    """Register all of it, by default an hour ago."""
    async with await where.open() as database:
        await register(database.writer, document(**config), NOW - 3_600_000)


async def rate(where: Where, window: str, day: str, minute: int, n: Counts) -> None:
    """Put ratings of `window` into every tally that has them, in one `minute` of `day`."""
    at = CALENDAR.moment(day, minute)
    async with await where.open() as database, database.writer.begin() as connection:
        await write(connection, tallies.ADD_MINUTE, [(at // 60_000, window, "button", *n)])
        await write(connection, tallies.ADD_DAY, [(day, window, "button", *n)])
        await write(connection, tallies.ADD_TOWNSHIP, [(CALENDAR.hour(at) // 60_000, window[:9], "button", *n)])
        await write(connection, tallies.ADD_CITY, [(at // 60_000, "button", *n)])
