"""The table of contacts: that there is one, and never the contact itself."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from cloud.database import metadata

# `file`: its name in the folder of contacts. `telephone`, `name`: masked, and empty once it is to be deleted.
# `deletes_at`: from when on (ms) its file is to go, `deleted_by`: who said so; `deleted_at`: when the file was gone.
contact = Table(
    "contact",
    metadata,
    Column("file", Text, primary_key=True),
    Column("case", BigInteger, nullable=False),
    Column("telephone", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("deletes_at", BigInteger),
    Column("deleted_at", BigInteger),
    Column("deleted_by", Text),
)
# A case has one at a time.
Index(
    "contact_live",
    contact.c.case,
    unique=True,
    sqlite_where=contact.c.deleted_by.is_(None),
    postgresql_where=contact.c.deleted_by.is_(None),
)
Index(
    "contact_left",
    contact.c.deletes_at,
    sqlite_where=contact.c.deleted_at.is_(None),
    postgresql_where=contact.c.deleted_at.is_(None),
)

# Contacts left by telephone whose case is not there, or not seen, or has another: the name of each one's file, and the
# number (node, epoch, seq) of the rating that it was left with at `left_at` (ms).
contact_waiting = Table(
    "contact_waiting",
    metadata,
    Column("file", Text, primary_key=True),
    Column("node", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("left_at", BigInteger, nullable=False),
)
