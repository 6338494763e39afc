"""Coming in as a subject of the provider, and binding one to an account: by a one-time link, or by a session."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.changes import store as changes
from cloud.database import Database, unavailable
from cloud.oidc import store
from cloud.oidc.rules import Stopped, Subject
from cloud.people import accounts, sessions
from cloud.people.entry import FIRST
from cloud.people.opening import open_session
from cloud.people.rules import Person, lasts
from cloud.people.visitors import Visitors


class Coming:
    """`now` is the city's time in ms, `random_bits(n)` gives n random bits."""

    def __init__(
        self,
        database: Database,
        visitors: Visitors,
        *,
        now: Callable[[], int],
        random_bits: Callable[[int], int],
    ) -> None:
        self._database = database
        self._visitors = visitors
        self._now = now
        self._random_bits = random_bits

    async def enter(self, subject: Subject) -> str:
        """Return the secret of a new session for the account that `subject` is bound to.

        Raises `Stopped`, and `Unavailable`.
        """
        with unavailable():
            async with self._database.writer.begin() as connection:
                name = await store.name_of(connection, subject)
                account = None if name is None else await accounts.hold(connection, name)
                # As it is by now: another process may have unbound it before the account was held.
                if account is None or await store.name_of(connection, subject) != name:
                    raise Stopped("unbound")
                if not account.is_free(self._now()):
                    raise Stopped("closed")
                return await self._open(connection, account.holder)

    async def by_link(self, link: str, subject: Subject) -> str:
        """Use up the one-time link of that digest: bind `subject`, end all sessions; the secret of a new one.

        The account's password ends as well, as it does where another one is set. Raises `Stopped`, and `Unavailable`.
        """
        with unavailable():
            async with self._database.writer.begin() as connection:
                name = await accounts.take_link(connection, link, self._now())
                account = None if name is None or name == FIRST else await accounts.hold(connection, name)
                if account is None or account.ended_at is not None:
                    raise Stopped("link")
                again = {} if await self._bind(connection, account.holder, subject) else {"again": True}
                await self._note(connection, account.holder, how="link", **again)
                await accounts.drop_password(connection, account.name)
                await sessions.end_all(connection, account.name)
                opened = await self._open(connection, account.holder)
        self._visitors.forget()
        return opened

    async def by_session(self, session: str, subject: Subject) -> None:
        """Bind `subject` to the account whose session has that digest. Raises `Stopped`, and `Unavailable`."""
        with unavailable():
            async with self._database.writer.begin() as connection:
                name = await self._comer(connection, session)
                account = None if name is None else await accounts.hold(connection, name)
                # As it is by now: the account or the session may have ended before the account was held.
                if account is None or await self._comer(connection, session) != name:
                    raise Stopped("over")
                if await self._bind(connection, account.holder, subject):
                    await self._note(connection, account.holder, how="session")

    async def _comer(self, connection: AsyncConnection, session: str) -> str | None:
        """Return whose session has that digest; None where it, or the account, has ended."""
        found = await sessions.session(connection, session)
        if found is None or not lasts(found.seen_at, found.ends_at, self._now()):
            return None
        return found.person.name

    async def _bind(self, connection: AsyncConnection, person: Person, subject: Subject) -> bool:
        """Bind; False where just that is bound already. Raises `Stopped` where either is bound otherwise."""
        holder = await store.name_of(connection, subject)
        if holder == person.name:
            return False
        if holder is not None:
            raise Stopped("taken")
        if not await store.bind(connection, person.name, subject, self._now()):
            raise Stopped("other")
        return True

    async def _note(self, connection: AsyncConnection, person: Person, **how: object) -> None:
        await changes.note(connection, self._now(), person.name, "bind-subject", person.name, person.place, **how)

    async def _open(self, connection: AsyncConnection, person: Person) -> str:
        return await open_session(
            connection, person, "come-in", now=self._now(), random_bits=self._random_bits, how="oidc"
        )
