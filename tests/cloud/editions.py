"""Editions of one day's report, for the pages that show them and the appeals against them."""

from decimal import Decimal

from cloud.reports.publishing import Wish, publish
from contract.signing import Signer
from proof.edition import Published
from proof.given import Given
from proof.period import period
from proof.policy import shipped
from tests.cloud.furnished import CALENDAR, FOREIGN, NODE, OTHER, TODAY, furnish, rate
from tests.cloud.reception import NOW
from tests.cloud.where import Where

DAY_S = 86_400
DAYS = 3
# An hour after the day is over.
AFTER = CALENDAR.end(TODAY) + 3_600_000
# How many seconds of a stage's clock that is.
AHEAD_S = (AFTER - NOW) / 1000
WINDOW, BESIDE, FAR = f"{NODE}/01", f"{OTHER}/01", f"{FOREIGN}/01"


async def rated(where: Where) -> None:
    """Register windows in three townships of two counties, and rate them on the day."""
    await furnish(where)
    await rate(where, WINDOW, TODAY, 60, (250, 30, 120))
    await rate(where, BESIDE, TODAY, 61, (9_500, 300, 200))
    await rate(where, FAR, TODAY, 62, (25, 3, 12))


async def published(where: Where, *, at: int = AFTER, final: bool = False, score: str = "90") -> Published:
    """Publish the day: open to appeals for three days, or `final`; `score` is the township's assessment."""
    given = {"371721121": Given(Decimal(score), 1)}
    wish = Wish(period(TODAY), shipped("guarded"), given, "scores.csv", final, DAYS)
    async with await where.open() as database:
        return (await publish(database, Signer(bytes(32)), wish, zone="Asia/Shanghai", at=at))[0]
