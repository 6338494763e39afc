"""The tables of cases. Times are ms; a case annotates ratings, which stand in the ledger as they are."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from cloud.database import metadata

# In SQLite only a column of exactly this type is the row's own number, which costs no second tree.
_NUMBER = BigInteger().with_variant(Integer, "sqlite")

# One row: the ratings of every entry up to `position` were looked at.
case_cursor = Table(
    "case_cursor",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
)

# One row: raised whenever anything about any case has changed, so that whoever shows them sees that it did.
case_news = Table(
    "case_news",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

# As `cloud.cases.case.Case` says. `number`: from 1 without a gap. `contact`: 0 or 1. `steps`: raised by every step, so
# that who changes what somebody else has changed meanwhile is seen.
case = Table(
    "case",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=False),
    Column("window", Text, nullable=False),
    Column("township", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("newest_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_at", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("due_at", BigInteger),
    Column("raise_at", BigInteger),
    Column("level", Text, nullable=False),
    Column("assignee", Text),
    Column("contact", Integer, nullable=False),
    Column("unfounded_by", Text),
    Column("closed_at", BigInteger),
    Column("steps", Integer, nullable=False),
)
# A window's cases, the newest last; a place's windows lie side by side.
Index("case_window", case.c.window, case.c.number)
Index(
    "case_open",
    case.c.township,
    case.c.state,
    sqlite_where=case.c.closed_at.is_(None),
    postgresql_where=case.c.closed_at.is_(None),
)
Index("case_due", case.c.due_at, sqlite_where=case.c.due_at.isnot(None), postgresql_where=case.c.due_at.isnot(None))
Index(
    "case_raise",
    case.c.raise_at,
    sqlite_where=case.c.raise_at.isnot(None),
    postgresql_where=case.c.raise_at.isnot(None),
)

# The ratings of each case, as `cloud.cases.case.Rating` says. No rating is in two.
case_rating = Table(
    "case_rating",
    metadata,
    Column("node", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("case", BigInteger, nullable=False),
    Column("window", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("seen_from", BigInteger, nullable=False),
    Column("others", Integer, nullable=False),
    sqlite_with_rowid=False,
)
Index("case_rating_case", case_rating.c.case, case_rating.c.seen_from)
# Those that are not seen yet are at its end.
Index("case_rating_veiled", case_rating.c.seen_from, case_rating.c.window)

# The history of each case, to which is only added; `body` is a `cloud.cases.case.Body` as JSON.
case_step = Table(
    "case_step",
    metadata,
    Column("case", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)
# Which files belong to cases, and how often somebody has read a contact of late.
Index(
    "case_step_attach",
    case_step.c.case,
    sqlite_where=case_step.c.action == "attach",
    postgresql_where=case_step.c.action == "attach",
)
Index(
    "case_step_read_contact",
    case_step.c.who,
    case_step.c.at,
    sqlite_where=case_step.c.action == "read_contact",
    postgresql_where=case_step.c.action == "read_contact",
)
