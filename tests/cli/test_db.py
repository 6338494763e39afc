"""`manyi db upgrade` as an administrator runs it, on both databases."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from cloud.migrations import HEAD
from transport.keys import new_key

TOML = """
database = "{database}"
{password_file}
key = "city.key"

[broker]
host = "127.0.0.1"

[http]
port = 0
"""


class Given(NamedTuple):
    """An empty database: on PostgreSQL a URL without the password, and the file that has it."""

    url: str
    password_file: Path
    with_password: str


def manyi(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def settings(folder: Path, database: str, password_file: str = "") -> Path:
    file = folder / "city.toml"
    line = f'database_password_file = "{password_file}"' if password_file else ""
    file.write_text(TOML.format(database=database, password_file=line), encoding="utf-8")
    return file


def test_a_postgresql_is_upgraded_once_with_the_password_beside_the_settings(
    postgres_url: Given, tmp_path: Path
) -> None:
    shutil.copyfile(postgres_url.password_file, tmp_path / "database.password")
    file = settings(tmp_path, postgres_url.url, "database.password")

    first, second = manyi("db", "upgrade", "--config", file), manyi("db", "upgrade", "--config", file)

    assert (first.returncode, first.stdout) == (0, f"the schema went from nothing to {HEAD}\n"), first.stderr
    assert (second.returncode, second.stdout) == (0, f"the schema was {HEAD} already\n"), second.stderr
    assert first.stderr + second.stderr == ""


def test_an_sqlite_file_is_made(tmp_path: Path) -> None:
    run = manyi("db", "upgrade", "--config", settings(tmp_path, "city.db"))

    assert (run.returncode, run.stdout, run.stderr) == (0, f"the schema went from nothing to {HEAD}\n", "")
    assert (tmp_path / "city.db").exists()


def test_a_city_does_not_start_on_a_schema_that_is_not_its_own(postgres_url: Given, tmp_path: Path) -> None:
    new_key(tmp_path / "city.key")
    file = settings(tmp_path, postgres_url.url, str(postgres_url.password_file))

    run = manyi("cloud", "run", "--config", file)

    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "it has no tables" in run.stderr
    assert "run `manyi db upgrade --config FILE`" in run.stderr


@pytest.mark.parametrize(
    ("database", "password_file", "told"),
    [
        ("postgresql://city:geheim@127.0.0.1:1/city", "", "database postgresql://city:***@127.0.0.1:1/city: cannot be"),
        ("postgresql://city@127.0.0.1:1/city", "none", "database_password_file: "),
        ("no/such/folder/city.db", "", "city.db: cannot be opened"),
    ],
)
def test_what_cannot_be_upgraded_is_told_in_one_line(
    tmp_path: Path, database: str, password_file: str, told: str
) -> None:
    run = manyi("db", "upgrade", "--config", settings(tmp_path, database, password_file))

    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert told in run.stderr
    assert "geheim" not in run.stderr


def test_a_missing_library_is_one_clear_line() -> None:
    program = "import sys; sys.modules['typer'] = None; from cli.main import main; sys.exit(main(['db', 'upgrade']))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    line = "manyi db needs: pip install 'manyi[cloud]' (typer is not installed)\n"
    assert (run.returncode, run.stdout, run.stderr) == (2, "", line)
