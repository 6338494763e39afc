"""The database's schema, revision by revision.

Revisions are numbers of four digits, so that the greater one is the later. They only go forward: the way back is a
backup. Alembic is loaded when there is something to do, since it takes longer to import than everything else.
"""

from sqlalchemy import Connection, inspect, text

# The newest revision in `versions`, which this program needs.
HEAD = "0002"
# The schema of 0.1.0, which did not note its revision.
FIRST = "0001"

REVISION = text("SELECT version_num FROM alembic_version")


def revision_of(connection: Connection) -> str | None:
    """The revision of the schema that `connection` sees; None where none of our tables is."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        return connection.execute(REVISION).scalar()
    return FIRST if "ledger_entry" in tables else None
