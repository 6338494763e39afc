"""The tables of people. Of every secret there is its digest alone; all moments are ms."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from cloud.database import metadata

# `password`: Argon2's own text, NULL until its holder has set one. `person`: who it is among those on duty, if anybody.
# `mail`: where notices go, if anywhere.
account = Table(
    "account",
    metadata,
    Column("name", Text, primary_key=True),
    Column("called", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("person", Text),
    Column("mail", Text),
    Column("password", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("failures", Integer, nullable=False),
    Column("locked_until", BigInteger),
)

# By which the holder of an account sets a password, once.
account_link = Table(
    "account_link",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
)

# `csrf`: what a form of this session must bring along.
session = Table(
    "session",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("began_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
)
Index("session_name", session.c.name)

# A program's or a wall's. One that ended stays, so that the log of changes can be read.
token = Table(
    "token",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger),
)
