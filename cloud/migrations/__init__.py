"""The database's schema, revision by revision.

Revisions are numbers of four digits, so that the greater one is the later. They only go forward: the way back is a
backup. Alembic is loaded when there is something to do, since it takes longer to import than everything else.
"""

import re

from sqlalchemy import Connection, inspect, text

# The newest revision in `versions`, which this program needs.
HEAD = "0022"
# The schema of 0.1.0, which did not note its revision.
FIRST = "0001"
# Where Alembic notes the revision of somebody else's tables. It sorts behind every number, so whoever leaves newer
# schemas alone leaves these alone as well.
FOREIGN = "another program's"

REVISION = text("SELECT version_num FROM alembic_version")
_OURS = re.compile(r"\d{4}", re.ASCII)


def revision_of(connection: Connection) -> str | None:
    """The revision of the schema that `connection` sees, or `FOREIGN`; None where none of our tables is."""
    tables = set(inspect(connection).get_table_names())
    ours = "ledger_entry" in tables
    if "alembic_version" not in tables:
        return FIRST if ours else None
    found = connection.execute(REVISION).scalar()
    return found if ours and found and _OURS.fullmatch(found) and found >= FIRST else FOREIGN


def beyond(revision: str) -> str:
    """What to say of a schema at a `revision` beyond `HEAD`, and what to do."""
    if revision == FOREIGN:
        return "its alembic_version is another program's: give Manyi a database of its own"
    return f"its schema is {revision}, newer than this program's {HEAD}: use the newer program"
