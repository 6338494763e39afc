"""The queue of notices. Times are ms."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from cloud.database import metadata

# To the account `recipient`, by `channel`: "mail", or "webhook " and its name. `letter`: a
# `cloud.notices.letter.Letter` as JSON. `attempts`: how often it was tried; `next_at`: when it is tried next,
# NULL: no more. `trouble`: what the last try met.
notice = Table(
    "notice",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("letter", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger),
    Column("sent_at", BigInteger),
    Column("trouble", Text),
)
Index(
    "notice_next",
    notice.c.channel,
    notice.c.next_at,
    sqlite_where=notice.c.next_at.isnot(None),
    postgresql_where=notice.c.next_at.isnot(None),
)
