"""Where a database is: plain URLs mean our drivers, and nothing that is told of one holds its password."""

import traceback
from pathlib import Path

import pytest

from cloud.address import shown, url_of
from cloud.database import open_database
from contract.errors import SettingsError

HIDDEN = "geheim"


@pytest.mark.parametrize(
    ("database", "driver"),
    [
        ("/var/lib/manyi/city.db", "sqlite+aiosqlite"),
        ("/srv/postgresql/city.db", "sqlite+aiosqlite"),
        ("postgresql://city@db/city", "postgresql+asyncpg"),
        ("postgres://city@db/city", "postgresql+asyncpg"),
        ("postgresql+asyncpg://city@db/city", "postgresql+asyncpg"),
    ],
)
def test_a_path_or_a_plain_url_is_enough(database: str, driver: str) -> None:
    url = url_of(database)

    assert url.drivername == driver
    assert url.database in {"city", database}


def test_the_password_stands_in_the_url_or_in_a_file_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{HIDDEN}@/:%\n", encoding="utf-8")

    assert url_of(f"postgresql://city:{HIDDEN}%40x@db/city").password == f"{HIDDEN}@x"
    assert url_of("postgresql://city@db/city", str(file)).password == f"{HIDDEN}@/:%"


def test_a_password_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"database_password_file: .*/none: cannot be read: .*No such file"):
        url_of("postgresql://city@db/city", str(tmp_path / "none"))


def test_sslmode_is_handed_on_in_the_drivers_words() -> None:
    assert dict(url_of("postgresql://city@db/city?sslmode=verify-full").query) == {"ssl": "verify-full"}


def test_what_is_shown_has_no_password() -> None:
    assert shown(url_of(f"postgresql://city:{HIDDEN}@db:5433/city")) == "postgresql://city:***@db:5433/city"
    assert shown(url_of("city.db")) == "city.db"


@pytest.mark.parametrize(
    ("database", "told"),
    [
        (f"mysql://city:{HIDDEN}@db/city", "mysql://city:***@db/city: only a file's path and postgresql:// are known"),
        (f"postgresql+psycopg://city:{HIDDEN}@db/city", "only a file's path and postgresql:// are known"),
        (f"postgresql://city:{HIDDEN}@db/city?password={HIDDEN}", "there is no option password; allowed: host, port"),
        (f"postgresql://city:{HIDDEN}@{HIDDEN}@db/city", "expected postgresql://user:password@host:port/name"),
        (f"postgresql://city:{HIDDEN}@db:{HIDDEN}/city", "a URL that cannot be read"),
        (f"://city:{HIDDEN}@db", "a URL that cannot be read"),
        (f"postgresql:/city:{HIDDEN}@db/city", "expected postgresql://user:password@host:port/name"),
        (f"postgresql:city:{HIDDEN}@db/city", "expected postgresql://user:password@host:port/name"),
        (f"Postgres+asyncpg:/city:{HIDDEN}@db/city", "expected postgresql://user:password@host:port/name"),
        (f"/etc/manyi/postgres:/city:{HIDDEN}@db/city", "expected postgresql://user:password@host:port/name"),
        (f"postgresql://city:{HIDDEN}@127.0.0.1:1/city", "postgresql://city:***@127.0.0.1:1/city: cannot be opened"),
        (f"postgresql://city:{HIDDEN}@nowhere.invalid/city", "cannot be opened"),
    ],
)
async def test_an_error_is_one_line_without_the_password(
    database: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    with pytest.raises(SettingsError) as wrong:
        await open_database(database)

    assert told in str(wrong.value)
    assert "\n" not in str(wrong.value)
    assert HIDDEN not in str(wrong.value)
    assert HIDDEN not in "".join(traceback.format_exception(wrong.value))
    assert HIDDEN not in caplog.text
