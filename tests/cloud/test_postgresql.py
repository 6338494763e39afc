"""PostgreSQL alone: a server that goes and comes back, sessions that are ended, passwords that are wrong."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud import engines
from cloud.city import City
from cloud.database import Database, fetch, fetch_value, open_database, unavailable, upgrade_database, write
from cloud.health import checks
from cloud.ingest import intake as pipeline
from cloud.ledger import follower as following
from cloud.ledger.follower import Follower
from cloud.ledger.store import BEGIN_HEAD
from cloud.registry.load import register
from cloud.settings import Http, Settings
from cloud.tallies import store as tallies
from contract.errors import SettingsError, Unavailable
from contract.signing import Signer
from firmware_sim.servers.postgres import Postgres
from proof.ledger import gapless
from tests.cloud.conftest import NOW, Desk, entry, open_desk, ranges
from tests.cloud.where import OnServer
from tests.keys import TOKENS, coming_in
from transport.broker import Broker

THREE = (("01", 3), ("02", 2), ("01", 1))
SELF = "SELECT pg_backend_pid()"
KILL = "SELECT pg_terminate_backend(:pid)"
# On this file's own server or on the shared one, never on SQLite.
on_postgresql = pytest.mark.parametrize("where", ["postgresql"], indirect=True)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Postgres]:
    """A server of the test's own, to be killed."""
    async with Postgres(tmp_path / "server", durable=False) as running:
        await running.create("city")
        await upgrade_database(running.url("city"), password_file=str(running.password_file))
        async with await open_database(running.url("city"), password_file=str(running.password_file)) as database:
            await register(database.writer, json.dumps({"tokens": TOKENS}), NOW)
        yield running


@pytest.fixture
async def desk_there(server: Postgres, tmp_path: Path, upgraded_file: Path) -> AsyncIterator[Desk]:
    async with open_desk(OnServer(server.url_with_password("city"), tmp_path, upgraded_file)) as opened:
        yield opened


async def pid_of(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int(await fetch_value(connection, SELF))


async def test_a_server_that_is_killed_is_told_and_waited_out(
    server: Postgres, desk_there: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "FIRST_RETRY_S", 0.01)
    desk = desk_there
    await desk.exchange(entry(1, *THREE))
    server.kill()
    desk.send(entry(4, *THREE))
    while desk.intake.trouble is None:
        await asyncio.sleep(0.01)

    assert "\n" not in desk.intake.trouble
    assert server.password not in desk.intake.trouble
    assert desk.said == []
    with pytest.raises(Unavailable), unavailable():
        await pid_of(desk.database.reader)

    await server.restart()
    assert ranges(await desk.settled()) == ([(4, 6)], [], [])
    assert await pid_of(desk.database.reader)
    assert desk.tallied == (2, 2, 2)
    assert gapless(desk.path)


async def test_a_city_says_503_while_its_server_is_away_and_goes_on_when_it_is_back(server: Postgres) -> None:
    city = city_on(server)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(city.run())
        await city.ready.wait()
        async with coming_in(city.address) as client:
            assert (await client.get("/api/quarantine")).status_code == 200
            server.kill()
            for path in ("/api/quarantine", "/api/trends/day", "/api/trends/minute?place=371721121"):
                assert (await client.get(path)).status_code == 503, path
            health = (await client.get("/health")).json()["parts"]
            assert not health["database"]["ok"]
            assert "\n" not in health["database"]["detail"]
            await answers(client, "/api/board", 503)

            await server.restart()
            await answers(client, "/api/board", 200)
            while not (await client.get("/health")).json()["parts"]["database"]["ok"]:
                await asyncio.sleep(0.05)
            for path in ("/api/quarantine", "/api/trends/day", "/api/trends/minute?place=371721121"):
                assert (await client.get(path)).status_code == 200, path
        city.stop()


@on_postgresql
async def test_a_session_that_is_killed_in_a_commit_leaves_nothing_of_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "FIRST_RETRY_S", 0.01)
    await desk.exchange(entry(1, *THREE))
    add, killed, seen = tallies.add, asyncio.Event(), list[object]()

    async def add_and_kill(connection: AsyncConnection, *rest: object) -> None:
        await add(connection, *rest)  # type: ignore[arg-type]
        if not killed.is_set():
            killed.set()
            desk.query(f"SELECT pg_terminate_backend({await fetch_value(connection, SELF)})")
            seen.append(desk.query("SELECT count(*) FROM ledger_entry"))

    monkeypatch.setattr(tallies, "add", add_and_kill)

    assert ranges(await desk.exchange(entry(4, *THREE))) == ([(4, 6)], [], [])
    assert seen == [[(1,)]]
    assert desk.tallied == (2, 2, 2)
    assert desk.query("SELECT position FROM ledger_head") == [(2,)]
    assert gapless(desk.path)


@on_postgresql
async def test_the_writer_is_one_session_and_its_end_is_an_error_once(database: Database) -> None:
    first = await pid_of(database.writer)
    assert await pid_of(database.writer) == first
    async with database.reader.begin() as connection:
        await fetch(connection, KILL, (first,))

    with pytest.raises(Unavailable), unavailable():
        await pid_of(database.writer)

    assert await pid_of(database.writer) != first


@on_postgresql
async def test_a_health_check_that_waits_in_vain_does_not_end_the_writers_session(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "PATIENCE_S", 0.2)
    pid = await pid_of(database.writer)
    async with database.writer.begin() as connection:
        await write(connection, BEGIN_HEAD)
    assert (await checks.writable(database.writer)).ok

    async with database.reader.begin() as locking:
        await fetch(locking, "SELECT id FROM ledger_head FOR UPDATE")
        found = await checks.writable(database.writer)

    assert not found.ok
    assert "timeout" in found.detail
    assert await pid_of(database.writer) == pid


@on_postgresql
async def test_a_readers_session_that_ended_is_replaced_unseen(database: Database) -> None:
    first = await pid_of(database.reader)
    async with database.writer.begin() as connection:
        await fetch(connection, KILL, (first,))

    assert await pid_of(database.reader) != first


@on_postgresql
async def test_sessions_are_known_by_name_and_none_ends_by_itself(database: Database) -> None:
    for engine in (database.writer, database.reader):
        async with engine.connect() as connection:
            assert await fetch_value(connection, "SHOW application_name") == "manyi"
            assert await fetch_value(connection, "SHOW idle_session_timeout") == "0"
            assert await fetch_value(connection, "SHOW tcp_keepalives_idle") == "4"
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            used = driver._transport.get_extra_info("socket")
            assert used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert used.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000


async def test_a_wrong_password_is_told_without_it(
    postgres_url: tuple[str, Path, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    wrong = tmp_path / "wrong"
    wrong.write_text("geheim", encoding="utf-8")

    with pytest.raises(SettingsError, match=r"postgresql://manyi:\*\*\*@.*: password authentication failed") as refused:
        await open_database(postgres_url[0], password_file=str(wrong))

    assert "geheim" not in str(refused.value) + caplog.text


async def test_the_right_password_is_in_no_log(
    postgres_url: tuple[str, Path, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    url, password_file, whole = postgres_url
    await upgrade_database(whole)
    async with await open_database(url, password_file=str(password_file)) as database:
        assert password_file.read_text(encoding="utf-8").strip() not in repr(database) + caplog.text


async def test_a_server_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "CONNECT_S", 0.2)
    # The kernel takes the connection, and nobody ever reads it.
    with (
        socket.create_server(("127.0.0.1", 0)) as nobody,
        pytest.raises(SettingsError, match="cannot be opened: no answer"),
    ):
        await open_database(f"postgresql://manyi@127.0.0.1:{nobody.getsockname()[1]}/city")


@on_postgresql
async def test_the_ledger_refuses_to_be_emptied(desk: Desk) -> None:
    await desk.exchange(entry(1, *THREE))

    with pytest.raises(asyncpg.RaiseError, match="never changed"):
        desk.query("TRUNCATE ledger_entry")
    assert desk.query("SELECT count(*) FROM ledger_entry") == [(1,)]


async def test_rows_of_a_statement_that_fails_are_not_there(postgres_url: tuple[str, Path, str]) -> None:
    await upgrade_database(postgres_url[2])
    async with await open_database(postgres_url[2]) as database:
        rows = [(n, "x", "button", 1, 0, 0) for n in range(2000)]
        with pytest.raises(Unavailable), unavailable():
            async with database.writer.begin() as connection:
                await write(connection, tallies.ADD_MINUTE, [*rows, (1 << 63, "x", "button", 1, 0, 0)])
        async with database.reader.begin() as connection:
            assert await fetch_value(connection, "SELECT count(*) FROM tally_minute") == 0


@pytest.mark.timeout(60)
async def test_a_city_whose_server_hangs_says_so_and_stops_all_the_same(server: Postgres) -> None:
    """Connections stand and nothing is answered, as with a disk or a virtual machine that stalls."""
    city = city_on(server)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(city.run())
        await city.ready.wait()
        async with coming_in(city.address) as client:
            assert (await client.get("/api/board")).status_code == 200
            server.pause()
            try:
                await answers(client, "/api/board", 503)
                city.stop()
                async with asyncio.timeout(15):
                    await asyncio.wait({running})
            finally:
                server.resume()


async def test_a_server_that_hangs_as_commits_are_first_listened_for_is_told(
    server: Postgres, desk_there: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(_connection: object, _listener: object) -> None:
        server.pause()

    # The last that a follower does before it asks to be told of commits.
    monkeypatch.setattr(asyncpg.Connection, "add_termination_listener", hang)
    monkeypatch.setattr(following, "READ_S", 0.2)
    follower = Follower(desk_there.database.reader, lambda _: None, lost=lambda: None, after=0)
    running = asyncio.create_task(follower.run())
    try:
        async with asyncio.timeout(10):
            while follower.trouble is None:
                await asyncio.sleep(0.01)
    finally:
        server.resume()
        running.cancel()
    assert "no answer" in follower.trouble


async def ended_while_it_hangs(server: Postgres, work: Coroutine[None, None, None]) -> None:
    """Do `work`, which pauses `server`, and let that go on only afterwards; what `work` raises is raised."""
    working = asyncio.create_task(work)
    try:
        # No timeout of its own: that would wait for what cannot be cancelled.
        done, _ = await asyncio.wait({working}, timeout=10)
    finally:
        server.resume()
    assert done
    await working


async def test_whoever_has_read_goes_on_although_the_server_hangs(server: Postgres, desk_there: Desk) -> None:
    """SQLAlchemy's own rollback would wait for the server without end, through every cancellation."""
    reader = desk_there.database.reader

    async def read() -> None:
        async with reader.connect() as connection:
            await fetch_value(connection, SELF)
            server.pause()

    await ended_while_it_hangs(server, read())
    async with reader.connect() as connection:
        assert await fetch_value(connection, "SELECT 1") == 1


async def test_what_was_begun_is_not_done_although_the_server_hangs(server: Postgres, desk_there: Desk) -> None:
    writer = desk_there.database.writer

    async def give_up() -> None:
        async with writer.begin() as connection:
            await write(connection, tallies.ADD_MINUTE, [(1, "x", "button", 1, 0, 0)])
            server.pause()
            raise ValueError("thought better of it")

    with pytest.raises(ValueError, match="thought better of it"):
        await ended_while_it_hangs(server, give_up())
    with pytest.raises(Unavailable), unavailable():
        async with writer.begin() as connection:
            await fetch_value(connection, "SELECT 1")
    async with writer.begin() as connection:
        assert await fetch_value(connection, "SELECT count(*) FROM tally_minute") == 0


def city_on(server: Postgres) -> City:
    settings = Settings(
        server.url("city"),
        "",
        Broker("127.0.0.1", 1),
        Http(port=0),
        database_password_file=str(server.password_file),
    )
    return City(
        settings,
        signer=Signer(bytes(32)),
        now=lambda: NOW,
        monotonic=asyncio.get_running_loop().time,
        random_bits=lambda bits: bits,
    )


async def answers(client: httpx.AsyncClient, path: str, status: int) -> None:
    """Wait until it does, on a machine that may be busy with much else."""
    async with asyncio.timeout(40):
        while (await client.get(path)).status_code != status:
            await asyncio.sleep(0.05)
