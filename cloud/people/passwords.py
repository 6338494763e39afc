"""Passwords, kept as Argon2id makes them (RFC 9106), which takes memory and time on purpose."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# 32 MiB twice over, some 60 ms of one core: above what OWASP asks for at least (19 MiB twice), and a hall of clerks who
# come in at eight takes no time from ratings.
HASHER = PasswordHasher(memory_cost=32 * 1024, time_cost=2, parallelism=1)
# So many at a time: what guesses is slowed, and not the city.
_AT_ONCE = 2


class Passwords:
    """Makes and checks what is kept, away from the loop."""

    def __init__(self, hasher: PasswordHasher = HASHER) -> None:
        """Take a `hasher` of another strength."""
        self._hasher = hasher
        self._turns = asyncio.Semaphore(_AT_ONCE)
        # Compared where there is no account, so that an answer's time does not tell who has one.
        self._nobody = self._hasher.hash("nobody's")

    async def keep(self, password: str) -> str:
        """Return what is kept of `password`."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def right(self, password: str, kept: str | None) -> bool:
        """Whether `password` is what was `kept`; takes as long without."""
        async with self._turns:
            held = await asyncio.to_thread(self._check, kept or self._nobody, password)
        return held and kept is not None

    def _check(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False
