"""Upgraded, empty databases on one PostgreSQL, used again by test after test: making one takes a third of a second."""

import secrets

import asyncpg

from cloud.database import upgrade_database
from firmware_sim.servers.postgres import Postgres

TEMPLATE = "upgraded"

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"

THROW_OUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

# As a replica, so that the triggers which keep a ledger do not see it.
EMPTY = """
DO $$ DECLARE name text; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    PERFORM setval(format('%I', sequencename)::regclass, 1, false) FROM pg_sequences WHERE schemaname = 'public';
END $$
"""


class Spares:
    """Databases on `server` that nobody uses now."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self._spare: list[str] = []
        self._made: list[str] = []
        self._tables: list[asyncpg.Record] = []

    async def prepare(self) -> None:
        """Make the one that others are copied from."""
        await self.server.create(TEMPLATE)
        await upgrade_database(self.server.url_with_password(TEMPLATE))
        connection = await asyncpg.connect(self.server.url_with_password(TEMPLATE))
        self._tables = await connection.fetch(TABLES)
        await connection.close()

    async def take(self) -> str:
        """The name of an empty one."""
        if self._spare:
            return self._spare.pop()
        name = f"test_{secrets.token_hex(6)}"
        await self.server.create(name, template=TEMPLATE)
        self._made.append(name)
        return name

    async def give_back(self, name: str) -> None:
        """Empty it for the next test; one whose tables are no longer the same is not used again."""
        connection = await asyncpg.connect(self.server.url_with_password(name))
        try:
            await connection.execute(THROW_OUT)
            if await connection.fetch(TABLES) == self._tables:
                await connection.execute(EMPTY)
                self._spare.append(name)
        finally:
            await connection.close()

    async def drop(self) -> None:
        """Throw all of them away."""
        for name in (*self._made, TEMPLATE):
            await self.server.drop(name)
