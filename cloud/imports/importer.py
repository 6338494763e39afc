"""Planning what a file would change, and changing exactly that, or nothing."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.changes import store as changes
from cloud.database import Database, unavailable
from cloud.hours.rules import CITY
from cloud.imports import held, store
from cloud.imports.checks import faults_of
from cloud.imports.columns import Kind
from cloud.imports.differences import Difference, differences
from cloud.imports.document import Touched, document_of, touched
from cloud.imports.rules import Fault, Read
from cloud.imports.rules import read as read_rows
from cloud.imports.store import Plan
from cloud.registry import store as registry
from cloud.registry.load import Registration, enter, read
from contract.errors import SettingsError
from proof import spreadsheet
from proof.spreadsheet import Limits

MOST_BYTES = 10 * 1024 * 1024
MOST_ROWS = 100_000
# The heading is a row as well; within an Excel file so many rows are some tens of megabytes.
LIMITS = Limits(MOST_ROWS + 1, 20, 100 * 1024 * 1024)
Why = Literal["unknown", "applied", "changed"]


class Faulty(Exception):  # noqa: N818  (it says what the file is)
    """A file in which something is wrong: all of it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


class Unplanned(Exception):  # noqa: N818  (it says what it is)
    """A plan that cannot be applied: there is none, it was applied, or the registry has changed since."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why: Why = why


class Importer:
    """`names`: by a heading in small letters, its word's key. `now` is the city's time in ms, `zone` its clocks'."""

    def __init__(self, database: Database, *, names: Mapping[str, str], zone: str, now: Callable[[], int]) -> None:
        self._database = database
        self._names = names
        self._zone = ZoneInfo(zone)
        self._now = now
        # A large file takes hundreds of megabytes while it is read.
        self._reading = asyncio.Lock()

    async def plan(self, kind: Kind, name: str, raw: bytes, who: str) -> Plan:
        """Find out what the file called `name` would change, change nothing, and keep it as a plan of `who`.

        Raises `SettingsError` for what is no such table, `Faulty`, and `Unavailable`.
        """
        async with self._reading:
            rows = await asyncio.to_thread(self._read, kind, name, raw)
            with unavailable():
                async with self._database.reader.begin() as connection:
                    known = await held.known(connection, kind, rows.rows, self._now())
                faults = [*rows.faults, *await asyncio.to_thread(faults_of, kind, rows.rows, known)]
                if faults:
                    raise Faulty(sorted(faults, key=lambda fault: fault.row))
                # By way of its text, since that is what is kept, and read when it is applied.
                text = await asyncio.to_thread(lambda: msgspec.json.encode(document_of(kind, rows.rows, known)))
                document = await asyncio.to_thread(read, text)
                named = await asyncio.to_thread(touched, kind, rows.rows)
                version, found = await self._tried(kind, document, named)
                counts = Counter(one.verdict for one in found)
                plan = Plan(
                    0, self._now(), who, kind, name, sha256(raw).hexdigest(), version,
                    counts["added"], counts["changed"], counts["same"],
                )  # fmt: skip
                async with self._database.writer.begin() as connection:
                    # Numbers are given one at a time.
                    await registry.hold(connection)
                    kept = await store.add(connection, plan, text, found)
                    number = str(kept.number)
                    await changes.note(connection, self._now(), who, "make-plan", number, CITY, file=name, kind=kind)
                return kept

    async def apply(self, number: int, by: str) -> Plan:
        """Change what plan `number` says. Raises `Unplanned`, which changes nothing, and `Unavailable`."""
        with unavailable():
            async with self._database.writer.begin() as connection:
                version = await registry.hold(connection)
                taken = await store.take(connection, number, self._now(), by)
                plan = await store.one(connection, number)
                if plan is None:
                    raise Unplanned("unknown")
                if not taken:
                    raise Unplanned("applied")
                text, expected = await store.content(connection, number)
                if version != plan.version:
                    raise Unplanned("changed")
                named = [Touched(one.row, one.table, one.key) for one in expected if one.row]  # type: ignore[arg-type]
                try:
                    document = await asyncio.to_thread(read, text)
                    found = await self._entered(connection, plan.kind, document, named)
                except SettingsError as bad:
                    raise Unplanned("changed") from bad
                # Whoever comes to a window, or leaves it, changes duties and not the registry's version.
                if found != expected:
                    raise Unplanned("changed")
                await changes.note(
                    connection,
                    self._now(),
                    by,
                    "change-registry",
                    f"{plan.kind} {number}",
                    CITY,
                    file=plan.file,
                    sha256=plan.sha256,
                    added=plan.added,
                    changed=plan.changed,
                )
                return plan

    async def drop(self, number: int, by: str) -> bool:
        """Throw away plan `number`, which was not applied; whether there was one. Raises `Unavailable`."""
        with unavailable():
            async with self._database.writer.begin() as connection:
                if not await store.drop(connection, number):
                    return False
                await changes.note(connection, self._now(), by, "end-plan", str(number), CITY)
                return True

    async def drop_old(self, by: str) -> None:
        """Throw away every plan that cannot be applied any more, and was not. Raises `Unavailable`."""
        with unavailable():
            async with self._database.writer.begin() as connection:
                dropped = await store.drop_old(connection, await registry.version(connection))
                if dropped:
                    await changes.note(connection, self._now(), by, "end-plan", ", ".join(map(str, dropped)), CITY)

    def _read(self, kind: Kind, name: str, raw: bytes) -> Read:
        return read_rows(kind, spreadsheet.parse(name, raw, LIMITS), self._names, self._zone)

    async def _tried(
        self, kind: Kind, document: Registration, named: Sequence[Touched]
    ) -> tuple[int, list[Difference]]:
        """Register within a transaction that is undone: the version before, and what that changed."""
        async with self._database.writer.connect() as connection, connection.begin() as trial:
            version = await registry.hold(connection)
            try:
                return version, await self._entered(connection, kind, document, named)
            finally:
                await trial.rollback()

    async def _entered(
        self, connection: AsyncConnection, kind: Kind, document: Registration, named: Sequence[Touched]
    ) -> list[Difference]:
        before = await held.state(connection, kind, named)
        await enter(connection, document, self._now())
        return await asyncio.to_thread(differences, before, await held.state(connection, kind, named), named)
