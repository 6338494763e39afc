"""Coming in and going out: by a password, by a one-time link that sets one, and what ends either."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.changes import store as changes
from cloud.database import Database, unavailable
from cloud.hours.rules import CITY
from cloud.oidc import store as subjects
from cloud.people import accounts, sessions
from cloud.people.accounts import Account, Holder
from cloud.people.inviting import new_link
from cloud.people.opening import open_session
from cloud.people.passwords import Passwords
from cloud.people.rules import FIRST_LINK_MS, Person, locked_until, person_of, weak
from cloud.people.secret import digest
from cloud.people.visitors import Visitor, Visitors
from contract.errors import SettingsError

# Whose link it is that lets the very first person in: nobody's yet, they choose their name.
FIRST = ""
# A session's last use is written down at most so often.
_TOUCH_MS = 60_000


class Barred(Exception):  # noqa: N818  (it says what happened)
    """Somebody cannot come in; `word` says why, as it stands among the words of the screens."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Entry:
    """`now` is the city's time in ms, `random_bits(n)` gives n random bits."""

    def __init__(
        self,
        database: Database,
        visitors: Visitors,
        passwords: Passwords,
        *,
        now: Callable[[], int],
        random_bits: Callable[[int], int],
    ) -> None:
        self._database = database
        self._visitors = visitors
        self._passwords = passwords
        self._now = now
        self._random_bits = random_bits

    async def come_in(self, name: str, password: str) -> str:
        """Return the secret of a new session for whoever knows the password of the account `name`.

        Raises `Barred`, and `Unavailable`.
        """
        with unavailable():
            async with self._database.reader.connect() as connection:
                account = await accounts.named(connection, name)
        free = account is not None and account.is_free(self._now())
        # Compared in any case: the time it takes tells nothing.
        right = await self._passwords.right(password, account.password if account is not None and free else None)
        with unavailable():
            async with self._database.writer.begin() as connection:
                # As it is by now: others may have guessed meanwhile, or its holder set another password.
                held = await accounts.hold(connection, name)
                free = held is not None and held.is_free(self._now())
                if right and held is not None and free and account is not None and held.password == account.password:
                    await accounts.clear(connection, name)
                    return await self._open(connection, held.holder, "come-in")
                if held is not None and free:
                    await self._count_failure(connection, held)
        # Whether there is such an account, and whether it is locked, is told to nobody.
        raise Barred("login.wrong")

    async def go_out(self, visitor: Visitor) -> None:
        """End the session. Raises `Unavailable`."""
        with unavailable():
            async with self._database.writer.begin() as connection:
                await sessions.end(connection, visitor.digest)
        self._visitors.forget()

    async def stay(self, visitor: Visitor) -> None:
        """Note that the session is in use, now and then. Raises `Unavailable`."""
        now = self._now()
        if visitor.csrf is not None and now - visitor.seen_at > _TOUCH_MS:
            with unavailable():
                async with self._database.writer.begin() as connection:
                    await sessions.seen(connection, visitor.digest, now)

    async def first_link(self) -> str | None:
        """Return a new one-time link's secret for the first person; None where somebody can let others in.

        Raises `Unavailable`.
        """
        with unavailable():
            async with self._database.writer.begin() as connection:
                if await accounts.has_admin(connection):
                    return None
                return await new_link(connection, FIRST, FIRST_LINK_MS, now=self._now(), random_bits=self._random_bits)

    async def linked(self, secret: str) -> str | None:
        """Return whose link it is, `FIRST` for nobody's yet; None where it does not hold. Raises `Unavailable`."""
        with unavailable():
            async with self._database.reader.connect() as connection:
                return await accounts.linked(connection, digest(secret), self._now())

    async def set_password(self, secret: str, password: str, *, name: str = "", called: str = "") -> str:
        """Use a link up: set the password, end whatever sessions there were and unbind; the secret of a new session.

        The very first person brings a `name` and how they are `called`. Raises `Barred`, and `Unavailable`.
        """
        owner = await self.linked(secret)
        first = owner == FIRST
        if owner is None:
            raise Barred("link.over")
        if first and not _may_begin(name, called):
            raise Barred("link.name")
        if (word := weak(password, owner or name)) is not None:
            raise Barred(word)
        kept = await self._passwords.keep(password)
        with unavailable():
            async with self._database.writer.begin() as connection:
                taken = await accounts.take_link(connection, digest(secret), self._now())
                if taken is None or (first and await accounts.has_admin(connection)):
                    raise Barred("link.over")
                if first:
                    admin = person_of(name, "admin", CITY)
                    await accounts.put(connection, admin, Holder(called.strip()), self._now())
                opened = await self._begin(connection, owner or name, kept)
        self._visitors.forget()
        return opened

    async def _begin(self, connection: AsyncConnection, name: str, kept: str) -> str:
        await accounts.set_password(connection, name, kept)
        await sessions.end_all(connection, name)
        account = await accounts.named(connection, name)
        if account is None or account.ended_at is not None:
            raise Barred("link.over")
        # Whose identity it is nobody knows here: the holder's before, or of whoever sat at a desk that was left open.
        if await subjects.unbind(connection, name):
            await changes.note(connection, self._now(), name, "unbind-subject", name, account.place, how="link")
        return await self._open(connection, account.holder, "set-password")

    async def _count_failure(self, connection: AsyncConnection, account: Account) -> None:
        until = locked_until(await accounts.fail(connection, account.name), self._now())
        if until is not None:
            await accounts.lock(connection, account.name, until)
            await changes.note(connection, self._now(), "system", "lock-out", account.name, account.place, until=until)

    async def _open(self, connection: AsyncConnection, person: Person, what: str) -> str:
        return await open_session(connection, person, what, now=self._now(), random_bits=self._random_bits)


def _may_begin(name: str, called: str) -> bool:
    try:
        person_of(name, "admin", CITY)
    except SettingsError:
        return False
    return bool(called.strip())
