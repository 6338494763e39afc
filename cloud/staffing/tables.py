"""The tables of offices and duties. Of one window at most one row of each holds at a time, full minutes in ms.

A row that ends when it begins was taken back. `valid_to` NULL: until further notice.
"""

from sqlalchemy import BigInteger, Column, Table, Text

from cloud.database import metadata


def _called(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("code", Text, primary_key=True),
        Column("zh", Text, nullable=False),
        Column("en", Text, nullable=False),
    )


def _tenure(name: str, whose: str) -> Table:
    return Table(
        name,
        metadata,
        Column("window", Text, primary_key=True),
        Column("valid_from", BigInteger, primary_key=True, autoincrement=False),
        Column("valid_to", BigInteger),
        Column(whose, Text, nullable=False),
    )


# Names are the newest: whoever marries is no new person.
office, person = _called("office"), _called("person")
office_window = _tenure("office_window", "office")
duty = _tenure("duty", "person")

# A duty that began by a sign-in at the console, of `account`: it is one for as long as the duty reads so yet.
duty_signed = Table(
    "duty_signed",
    metadata,
    Column("window", Text, primary_key=True),
    Column("valid_from", BigInteger, primary_key=True, autoincrement=False),
    Column("valid_to", BigInteger, nullable=False),
    Column("person", Text, nullable=False),
    Column("account", Text, nullable=False),
)
