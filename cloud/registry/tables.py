"""The registry's tables. Every row carries `valid_from` and `valid_to` (ms; NULL: until further notice)."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from cloud.database import metadata


def _validity() -> tuple[Column[int], Column[int]]:
    return (
        Column("valid_from", BigInteger, primary_key=True, autoincrement=False),
        Column("valid_to", BigInteger),
    )


def _names() -> tuple[Column[str], ...]:
    return tuple(Column(name, Text, nullable=False) for name in ("zh", "en", "short_zh", "short_en"))


county = Table("county", metadata, Column("code", Text, primary_key=True), *_names(), *_validity())

township = Table(
    "township",
    metadata,
    Column("code", Text, primary_key=True),
    Column("county", Text, nullable=False),
    *_names(),
    *_validity(),
)

# `id` is the city-wide name, node/window.
window = Table("window", metadata, Column("id", Text, primary_key=True), *_validity())

# `kind`: node or gateway. `key`: base64url. A change of key closes one row and opens another.
node = Table(
    "node",
    metadata,
    Column("node", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("township", Text, nullable=False),
    Column("key", Text, nullable=False),
    *_validity(),
)

# Who may judge flags. `name` is what stands beside a signature; a change of key closes one row and opens another.
auditor = Table(
    "auditor",
    metadata,
    Column("name", Text, primary_key=True),
    Column("zh", Text, nullable=False),
    Column("key", Text, nullable=False),
    *_validity(),
)

# One row: rises with every change, so that a running city sees that there is one.
registry_head = Table(
    "registry_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", BigInteger, nullable=False),
)
