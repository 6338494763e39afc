"""The visits of a day: an index that holds all that the wall asks for."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Make it."""
    op.create_index("visit_of_day", "visit", ["day", "asked", "became", "level"])
