"""Which counties this process is in charge of, and whether it still is at the moment it commits.

On SQLite one process has the whole city. On PostgreSQL several workers share it by session-level advisory locks, held
on the very connection that commits: a session that ends, because its worker died, hung (PostgreSQL ends a session that
was silent for seconds) or lost its network, loses in one and the same moment the counties and the ability to commit
for them. So no token, term or clock is needed, and nobody is elected.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.database import Database, fetch, fetch_value, unavailable
from cloud.ingest.sharing import step
from contract.errors import Unavailable
from contract.identity import county_of

# How often a worker shows that it lives and looks for counties that nobody has; seconds.
BEAT_S = 1.0
# PostgreSQL ends a session that holds counties and says nothing for so long, and with it its locks.
TENURE_MS = 6_000
# Whose statement is broken off for so long hangs; below the tenure, after which an idle session ends by itself.
HUNG_S = 4.0
# What waits for the ledger's lock for so long is tried again, so that whoever waits still shows that it lives.
LOCK_MS = 5_000
# Advisory locks have two numbers: what kind, and which. Kinds of our own, so that other users of the server don't meet.
_DUTY = 0x4D59_0001
_PRESENT = 0x4D59_0002
# The duty to feed the series, beside the counties (six digits each).
SERIES = 1
_MARK = "manyi charge"

# The locks of this database that have two numbers, as ours have; whose they are, and which.
_LOCKS = """
SELECT CAST(classid AS BIGINT) AS kind, CAST(objid AS BIGINT) AS number, pid FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 2 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
HELD = f"SELECT kind, number, pid = pg_backend_pid() FROM ({_LOCKS}) AS held"  # noqa: S608  (a text of this file)
TRY = "SELECT pg_try_advisory_lock(:kind, :duty)"
GIVE = "SELECT pg_advisory_unlock(:kind, :duty)"
GIVE_ALL = "SELECT pg_advisory_unlock_all()"
SELF = "SELECT pg_backend_pid()"
# From the first look on, and not before: a city that opens slowly holds nothing that it could keep from others.
TENURE = """
SELECT set_config('idle_session_timeout', tenure, false),
  set_config('idle_in_transaction_session_timeout', tenure, false), set_config('lock_timeout', lock, false)
FROM (SELECT CAST(:tenure AS TEXT) AS tenure, CAST(:lock AS TEXT) AS lock) AS ours
"""

# PostgreSQL waits without end for the rest of a statement whose sender hangs: to it that session is not idle.
END_HUNG = f"""
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE state = 'active' AND wait_event = 'ClientRead' AND pid <> pg_backend_pid()
  AND state_change < clock_timestamp() - make_interval(secs => CAST(:hung AS double precision))
  AND pid IN (SELECT pid FROM ({_LOCKS}) AS held WHERE kind = CAST(:kind AS BIGINT))
"""  # noqa: S608


class Change(NamedTuple):
    """Counties (6 digits; "+" for all there are) that came and went. What came may have been another's meanwhile.

    `anew`: the session before was lost, and with it whatever is remembered: the server may be one that lacks the last
    commits, where another machine took over from one that died.
    """

    gained: frozenset[str]
    lost: frozenset[str]
    anew: bool = False


class Charge(Protocol):
    """A process's share of the city."""

    @property
    def counties(self) -> frozenset[str]:
        """The counties it has now; "+" for all there are."""
        ...

    @property
    def feeds_series(self) -> bool:
        """Whether feeding the series is this process's duty now."""
        ...

    def covers(self, township: str) -> bool:
        """Whether `township` lies in one of the counties; what has no township is everybody's."""
        ...

    async def renew(self, *, able: bool) -> Change:
        """Show that this process lives, and take or give up counties: all of them where it is not `able` to work.

        Raises `Unavailable` where the database is away.
        """
        ...

    async def confirm(self, connection: AsyncConnection) -> None:
        """Raise `Unavailable` unless what commits on `connection` is still in charge, whatever happens until then."""
        ...


class Whole:
    """The charge of a process that is alone."""

    counties = frozenset({"+"})
    feeds_series = True

    def __init__(self) -> None:
        self._new = True

    def covers(self, _township: str) -> bool:
        """Everything is covered."""
        return True

    async def renew(self, *, able: bool) -> Change:  # noqa: ARG002  (there is nobody to leave it to)
        """Everything comes with the first call, and stays."""
        gained = self.counties if self._new else frozenset[str]()
        self._new = False
        return Change(gained, frozenset())

    async def confirm(self, _connection: AsyncConnection) -> None:
        """Nobody else is there."""


class Shared:
    """The charge of one of several workers; `counties` gives the codes of all there are now. Not for two at a time.

    `writer` has one connection, and nothing commits to the ledger but through it.
    """

    def __init__(self, writer: AsyncEngine, counties: Callable[[], Collection[str]]) -> None:
        self._writer = writer
        self._counties = counties
        self._held: frozenset[int] = frozenset()
        # What was last told, and what of it has been held without a break since.
        self._told: frozenset[int] = frozenset()
        self._unbroken: frozenset[int] = frozenset()
        # Stands in the `info` of the session that holds the locks; a new session has none, or one of another time.
        self._session: object = None
        self._present = False
        self._anew = False

    @property
    def counties(self) -> frozenset[str]:
        """The counties it has now."""
        return frozenset(str(duty) for duty in self._held if duty != SERIES)

    @property
    def feeds_series(self) -> bool:
        """Whether feeding the series is its duty now."""
        return SERIES in self._held

    def covers(self, township: str) -> bool:
        """Whether `township` is in its charge."""
        return not township or int(county_of(township)) in self._held

    async def renew(self, *, able: bool) -> Change:
        """Show life on the session of the locks; end who hangs; look who is there; give up and take."""
        with unavailable():
            async with self._writer.begin() as connection:
                marks = connection.info
                if self._session is None or marks.get(_MARK) is not self._session:
                    # What the session before held may have been another's meanwhile: it will count as gained.
                    self._held = self._unbroken = frozenset()
                    self._anew, self._present = self._session is not None, False
                    self._session = object()
                    await fetch(connection, TENURE, (str(TENURE_MS), str(LOCK_MS)))
                self._held = await (self._balanced(connection) if able else self._given_up(connection))
            # Not before the commit, without which its settings are undone.
            marks[_MARK] = self._session
        change = Change(_codes(self._held - self._unbroken), _codes(self._told - self._held), self._anew)
        self._told = self._unbroken = self._held
        self._anew = False
        return change

    async def _balanced(self, connection: AsyncConnection) -> frozenset[int]:
        await fetch(connection, END_HUNG, (HUNG_S, _PRESENT))
        if not self._present:
            await fetch(connection, TRY, (_PRESENT, await fetch_value(connection, SELF)))
            self._present = True
        mine, others, workers = set[int](), set[int](), 0
        for kind, number, own in await fetch(connection, HELD):
            if kind == _PRESENT:
                workers += 1
            elif kind == _DUTY:
                (mine if own else others).add(int(number))
        duties = frozenset({SERIES, *map(int, self._counties())})
        give, take = step(duties, mine, others, max(1, workers))
        for duty in give:
            await fetch(connection, GIVE, (_DUTY, duty))
            mine.discard(duty)
        for duty in take:
            if await fetch_value(connection, TRY, (_DUTY, duty)):
                mine.add(duty)
        return frozenset(mine)

    async def _given_up(self, connection: AsyncConnection) -> frozenset[int]:
        """Leave everything to the others, who share it as if this process were not there."""
        await fetch(connection, GIVE_ALL)
        self._present = False
        return frozenset()

    async def confirm(self, connection: AsyncConnection) -> None:
        """Compare sessions: locks end with theirs, and so does what is not yet committed on it."""
        if self._session is None or connection.info.get(_MARK) is not self._session:
            raise Unavailable("database: the session that held the counties has ended; they are being taken again")


def _codes(duties: Collection[int]) -> frozenset[str]:
    return frozenset(str(duty) for duty in duties if duty != SERIES)


def charge_of(database: Database, counties: Callable[[], Collection[str]]) -> Charge:
    """The charge of one process on `database`.

    `counties` is asked each time: a newer table of places may bring one while workers run.
    """
    return Shared(database.writer, counties) if database.shared else Whole()
