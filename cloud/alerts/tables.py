"""The tables of alerts. Times are ms."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from cloud.database import metadata

# As `cloud.alerts.alert.Alert` says; `figures` as JSON.
alert = Table(
    "alert",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("case", BigInteger),
    Column("cause", Integer),
    Column("window", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("figures", Text),
    Column("raised_at", BigInteger, nullable=False),
    Column("breached_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("place", Text),
    Column("rank", Text),
    Column("holder", Text),
    Column("pass_at", BigInteger),
    Column("closed_at", BigInteger),
    Column("steps", Integer, nullable=False),
)
# One step of a case is an alert once.
Index("alert_case", alert.c.case, alert.c.cause, unique=True)
Index("alert_window", alert.c.window, alert.c.number)
Index(
    "alert_open",
    alert.c.number,
    sqlite_where=alert.c.closed_at.is_(None),
    postgresql_where=alert.c.closed_at.is_(None),
)

# The history of each alert, to which is only added.
alert_step = Table(
    "alert_step",
    metadata,
    Column("alert", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("holder", Text),
    sqlite_with_rowid=False,
)

# One row: for which moment windows' rates were looked at last.
alert_head = Table(
    "alert_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("mark", BigInteger, nullable=False),
)
