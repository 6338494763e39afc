"""Sending a browser to the provider, and taking it back: that browser alone, once, and within ten minutes."""

import logging
from collections.abc import Callable
from typing import NamedTuple

from cloud.database import Database, unavailable
from cloud.oidc import store
from cloud.oidc.provider import Away, Provider
from cloud.oidc.rules import Stale, Stopped, Subject, Untrue, is_own
from cloud.oidc.store import Trip
from cloud.people.secret import digest, fresh

logger = logging.getLogger(__name__)


class Out(NamedTuple):
    """The `address` that a browser is sent to, and the `secret` that it keeps meanwhile."""

    address: str
    secret: str


class Answer(NamedTuple):
    """What a browser brings back from the provider; what it does not bring is empty."""

    code: str
    issuer: str
    refused: bool


class Trips:
    """`now` is the city's time in ms, `random_bits(n)` gives n random bits."""

    def __init__(
        self,
        database: Database,
        provider: Provider,
        *,
        now: Callable[[], int],
        random_bits: Callable[[int], int],
    ) -> None:
        self._database = database
        self._provider = provider
        self._now = now
        self._random_bits = random_bits

    async def begin(self, trip: Trip) -> Out:
        """Send a browser out. Raises `Stopped`, and `Unavailable`."""
        secret = fresh(self._random_bits)
        try:
            # Who binds shall be asked who they are: at a desk that others use, the provider may know the last one yet.
            address = await self._provider.way_out(secret, anew=trip.purpose != "enter")
        except Away as bad:
            raise _away(bad) from bad
        now = self._now()
        with unavailable():
            async with self._database.writer.begin() as connection:
                await store.begin(connection, digest(secret), trip, now)
        return Out(address, secret)

    async def take(self, secret: str, state: str) -> Trip:
        """Return why the browser that keeps `secret` was sent out, as it is back with `state`: once.

        Raises `Stopped`, and `Unavailable`.
        """
        if not is_own(secret, state):
            # Another browser's: it uses no trip up.
            raise Stopped("over")
        with unavailable():
            async with self._database.writer.begin() as connection:
                trip = await store.take(connection, digest(secret), self._now())
        if trip is None:
            raise Stopped("over")
        return trip

    async def subject(self, secret: str, trip: Trip, answer: Answer) -> Subject:
        """Return who that is who is back from `trip`, by the `answer` of the provider. Raises `Stopped`."""
        since = None if trip.purpose == "enter" else trip.began_at
        try:
            await self._provider.check_sender(answer.issuer)
            if answer.refused or not answer.code:
                raise Stopped("declined")
            return await self._provider.subject(answer.code, secret, self._now(), since=since)
        except Away as bad:
            raise _away(bad) from bad
        except Untrue as bad:
            logger.warning("somebody was not let in by the identity provider: %s", bad)
            raise Stopped("stale" if isinstance(bad, Stale) else "untrue") from bad


def _away(bad: Away) -> Stopped:
    logger.warning("the identity provider cannot be asked: %s; passwords still let people in", bad)
    return Stopped("away")
