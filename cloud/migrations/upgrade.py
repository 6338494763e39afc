"""Bringing a schema to this program's revision, by Alembic, within one transaction."""

import logging

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from cloud.migrations import HEAD, revision_of

logger = logging.getLogger(__name__)
# What it has to say is about its own ways; one line of ours tells what was done.
logging.getLogger("alembic").setLevel(logging.WARNING)

# "manyi" in ASCII. Held until the end of the transaction: of two that upgrade at once the second finds the work done.
LOCK = text("SELECT pg_advisory_xact_lock(469786065257)")


def upgrade(connection: Connection, to: str = HEAD) -> str | None:
    """Upgrade the schema that `connection` sees to revision `to`; the revision before, None for an empty database.

    The transaction of `connection` has begun, on SQLite with the write lock. A schema that is at `to` or beyond it
    stays as it is.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(LOCK)
    before = revision_of(connection)
    if before is not None and before >= to:
        return before
    config = Config()
    config.set_main_option("script_location", "cloud:migrations")
    scripts = ScriptDirectory.from_config(config)

    def steps(revision: tuple[str, ...], _: MigrationContext) -> list[RevisionStep]:
        return scripts._upgrade_revs(to, revision)  # type: ignore[arg-type]  # noqa: SLF001  (as Alembic's cookbook does)

    with EnvironmentContext(config, scripts, fn=steps, destination_rev=to) as environment:
        environment.configure(connection=connection)
        if before is not None and not environment.get_context().get_current_heads():
            environment.get_context().stamp(scripts, before)
        environment.run_migrations()
    logger.info("the schema went from %s to %s", before or "nothing", to)
    return before
