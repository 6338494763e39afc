"""A PostgreSQL of one's own: it keeps what was committed, lets nobody in without the password, says what is wrong."""

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from firmware_sim.servers import postgres as module
from firmware_sim.servers.daemon import ServerError, free_port, port_is_free
from firmware_sim.servers.postgres import Postgres

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Postgres]:
    async with Postgres(tmp_path / "postgres") as running:
        yield running


async def ask(server: Postgres, name: str, statement: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(server.url_with_password(name))
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def test_what_was_committed_outlives_a_kill_and_the_port_stays(own: Postgres) -> None:
    await own.create("city")
    await ask(own, "city", "CREATE TABLE one AS SELECT 1 AS number")
    port, pid = own.port, own.pid
    own.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert port_is_free("127.0.0.1", port)
    await own.start()
    assert own.port == port
    assert await ask(own, "city", "SELECT number FROM one") == [(1,)]
    await own.restart()
    assert await ask(own, "city", "SELECT number FROM one") == [(1,)]


async def test_a_stop_does_not_wait_for_clients(own: Postgres) -> None:
    idle = await asyncpg.connect(own.url_with_password("postgres"))
    await own.stop()
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await idle.fetch("SELECT 1")
    await own.stop()


async def test_nobody_enters_without_the_password(postgres: Postgres) -> None:
    assert stat.S_IMODE(postgres.password_file.stat().st_mode) == 0o600
    assert postgres.password not in postgres.url("postgres")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.url("postgres"), password="manyi")  # noqa: S106  (a wrong one)


async def test_a_careful_one_syncs_and_has_room_for_many(own: Postgres, postgres: Postgres) -> None:
    assert await ask(own, "postgres", "SHOW fsync") == [("on",)]
    assert await ask(own, "postgres", "SHOW synchronous_commit") == [("on",)]
    assert await ask(postgres, "postgres", "SHOW fsync") == [("off",)]
    ((most,),) = await ask(own, "postgres", "SHOW max_connections")
    assert int(str(most)) >= 200


async def test_databases_come_from_templates_and_go_with_their_guests(postgres: Postgres) -> None:
    await postgres.create("first")
    await ask(postgres, "first", "CREATE TABLE one AS SELECT 1 AS number")
    assert await postgres.create("second", template="first") == postgres.url("second")
    assert await ask(postgres, "second", "SELECT number FROM one") == [(1,)]
    guest = await asyncpg.connect(postgres.url_with_password("second"))
    for name in ("first", "second", "second"):
        await postgres.drop(name)
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await guest.fetch("SELECT 1")
    assert await ask(postgres, "postgres", "SELECT 1 FROM pg_database WHERE datname IN ('first', 'second')") == []


async def test_a_second_start_and_a_taken_port_are_one_line(own: Postgres, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"^postgres is already running$"):
        await own.start()
    with pytest.raises(ServerError, match=f"^postgres: 127.0.0.1:{own.port} is in use$"):
        await Postgres(tmp_path / "other", port=own.port).start()


async def test_a_folder_it_cannot_use_is_one_line_with_its_own_words(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", port=free_port())
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    with pytest.raises(ServerError, match=r"^postgres at 127\.0\.0\.1:\d+: .+$"):
        await server.start()


async def test_where_it_is_not_installed_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_places", list)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("firmware_sim.servers.daemon._PLACES", ())
    with pytest.raises(ServerError, match=r"^postgres is not installed: .*package postgresql$"):
        await Postgres(tmp_path).start()
