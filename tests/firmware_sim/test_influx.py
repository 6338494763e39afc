"""An InfluxDB of one's own: version 2's address and header, version 1's query, and nothing said of the password."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from firmware_sim import loopback
from firmware_sim.servers.daemon import ServerError
from firmware_sim.servers.influx import Influx

pytestmark = pytest.mark.timeout(60)

POINT = b"rating,county=371721 n=1i 1700000000000000000\n"


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Influx]:
    async with Influx(tmp_path / "influx") as running:
        yield running


async def write(server: Influx, bucket: str, token: str, precision: str = "ns", point: bytes = POINT) -> httpx.Response:
    async with loopback.client() as client:
        return await client.post(
            f"{server.url}/api/v2/write",
            params={"org": "manyi", "bucket": bucket, "precision": precision},
            content=point,
            headers={"Authorization": f"Token {token}"},
        )


async def values(server: Influx, statement: str, database: str) -> list[list[object]]:
    (series,) = await server.query(statement, database)
    found = series["values"]
    assert isinstance(found, list)
    return found


async def test_what_version_2_writes_version_1_reads(influx: Influx, influx_database: str) -> None:
    await influx.query(f'CREATE DATABASE "{influx_database}"')
    await influx.query(f'CREATE RETENTION POLICY "forever" ON "{influx_database}" DURATION INF REPLICATION 1')
    assert (await write(influx, influx_database, influx.token)).status_code == 204
    assert (await write(influx, f"{influx_database}/forever", influx.token)).status_code == 204
    assert await values(influx, "SELECT count(n) FROM autogen.rating", influx_database) == [["1970-01-01T00:00:00Z", 1]]
    assert await values(influx, "SELECT count(n) FROM forever.rating", influx_database) == [["1970-01-01T00:00:00Z", 1]]


@pytest.mark.parametrize(("precision", "time"), [("ns", "000000001"), ("us", "000001"), ("ms", "001")])
async def test_a_precision_is_what_version_2_means_by_it(
    influx: Influx, influx_database: str, precision: str, time: str
) -> None:
    await influx.query(f'CREATE DATABASE "{influx_database}"')
    assert (await write(influx, influx_database, influx.token, precision, b"x n=1i 1\n")).status_code == 204
    assert await values(influx, "SELECT n FROM x", influx_database) == [[f"1970-01-01T00:00:00.{time}Z", 1]]


@pytest.mark.parametrize("token", ["manyi", "manyi:wrong", "manyi:"])
async def test_nobody_enters_without_the_password(influx: Influx, influx_database: str, token: str) -> None:
    await influx.query(f'CREATE DATABASE "{influx_database}"')
    assert (await write(influx, influx_database, token)).status_code == 401
    async with loopback.client() as client:
        for headers in ({"Authorization": f"Token {token}"}, {}):
            answer = await client.get(f"{influx.url}/query", params={"q": "SHOW DATABASES"}, headers=headers)
            assert answer.status_code == 401


async def test_version_1s_own_way_to_give_the_password_works_too(influx: Influx) -> None:
    user, _, password = influx.token.partition(":")
    async with loopback.client() as client:
        answer = await client.get(f"{influx.url}/query", params={"q": "SHOW DATABASES"}, auth=(user, password))
        assert answer.status_code == 200
        assert (await client.get(f"{influx.url}/health")).json()["status"] == "pass"
        assert (await client.get(f"{influx.url}/ping")).status_code == 204


async def test_a_statement_it_refuses_is_one_line(influx: Influx) -> None:
    with pytest.raises(ServerError, match=r"^influxd: error parsing query"):
        await influx.query("SELEKT")


async def test_what_was_acknowledged_outlives_a_kill_and_the_address_stays(own: Influx) -> None:
    await own.query("CREATE DATABASE manyi")
    address, pid = own.url, own.pid
    assert (await write(own, "manyi", own.token)).status_code == 204
    own.kill()
    assert (await write(own, "manyi", own.token)).status_code == 502
    await own.come_back()
    assert (own.url, own.pid == pid) == (address, False)
    assert len(await values(own, "SELECT n FROM rating", "manyi")) == 1
    await own.restart()
    assert own.url == address
    assert len(await values(own, "SELECT n FROM rating", "manyi")) == 1


async def test_the_password_is_in_its_file_alone(own: Influx, tmp_path: Path) -> None:
    await own.query("CREATE DATABASE manyi")
    password = own.token.partition(":")[2]
    await own.go_away()
    assert (await write(own, "manyi", own.token)).status_code == 502  # nginx writes an error about that
    await own.come_back()
    assert (await write(own, "manyi", own.token, point=b"nonsense\n")).status_code == 400
    await own.stop()
    assert stat.S_IMODE(own.token_file.stat().st_mode) == 0o600
    files = tmp_path.rglob("*")  # noqa: ASYNC240  (nobody else is in this loop)
    holders = [file for file in files if file.is_file() and password.encode() in file.read_bytes()]
    assert holders == [own.token_file]


async def test_where_it_is_not_installed_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("firmware_sim.servers.daemon._PLACES", ())
    with pytest.raises(ServerError, match=r"^influxd is not installed: .*package influxdb$"):
        await Influx(tmp_path).start()
