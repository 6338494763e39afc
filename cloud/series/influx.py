"""One InfluxDB: writing lines so that what it refuses is known line by line, and asking it in InfluxQL.

Writing goes through influxdb-client to /api/v2/write, which 1.8, 2.x and 3.x offer and nginx gives to 1.6; asking goes
to /query, which all of them answer. The lines are gzipped here, in a thread and at level 1: the client's own gzip runs
at level 9 on the event loop and took 3.5 ms of CPU for a thousand lines, against 1.0.
"""

import asyncio
import logging
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp
import msgspec
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService

from cloud.series.lines import FOREVER, RAW, RAW_DAYS, cut
from contract.errors import Unavailable

logger = logging.getLogger(__name__)

# A request of so many lines is some 650 kB, 60 kB gzipped.
LINES = 5_000
IN_FLIGHT = 3
WRITE_S = 30.0
ASK_S = 30.0
CONNECT_S = 3.0
# Dropping takes longer the more there is.
DROP_S = 900.0
DROPPING_LOOK_S = 1.0

_GZIP_WINDOW_BITS = 31
_DROPPED = re.compile(r"partial write: .* dropped=(\d+)", re.DOTALL)
_BAD_REQUEST, _UNAUTHORISED, _FORBIDDEN, _TOO_LARGE, _UNPROCESSABLE = 400, 401, 403, 413, 422
_OK = 200

# For how many days each policy keeps points (0: for ever); its shards hold a week of single ratings, a year of sums.
_KEPT_DAYS = {RAW: RAW_DAYS, FOREVER: 0}
_SHARDS = {RAW: "7d", FOREVER: "52w"}


class Reject(NamedTuple):
    """A line that InfluxDB will never take, and what it said."""

    line: str
    reason: str


class Rows(msgspec.Struct, frozen=True):
    """One series of an answer: `values` are rows in the order of `columns`, the first being the time in ns."""

    columns: list[str]
    values: list[list[Any]]
    tags: dict[str, str] = {}

    def named(self) -> Iterator[dict[str, Any]]:
        """Yield the rows with their columns' names."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.values)


class _Result(msgspec.Struct, frozen=True):
    series: list[Rows] = []
    error: str = ""


class _Answer(msgspec.Struct, frozen=True):
    results: list[_Result] = []
    error: str = ""


class _Complaint(msgspec.Struct, frozen=True):
    """What InfluxDB says with an error: 1.x `error`, 2.x `message`."""

    error: str = ""
    message: str = ""


_answer = msgspec.json.Decoder(_Answer)
_complaint = msgspec.json.Decoder(_Complaint)


class Influx:
    """A client of the InfluxDB at `url`, for `async with`. Every method raises `Unavailable` when it does not answer.

    `token` is an API token, or user and password with a colon between them for 1.x. `org` is asked for by 2.x only.
    """

    def __init__(self, url: str, *, database: str, token: str, org: str) -> None:
        """Nothing is opened yet."""
        self._url = url.rstrip("/")
        self._database = database
        self._token = token
        self._org = org

    async def __aenter__(self) -> Self:
        """Open connections on demand from here on."""
        timeout = aiohttp.ClientTimeout(total=WRITE_S, connect=CONNECT_S)
        self._client = InfluxDBClientAsync(self._url, token=self._token, org=self._org, timeout=timeout)
        self._writes = WriteService(self._client.api_client)  # type: ignore[no-untyped-call]
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Token {self._token}"} if self._token else {})
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _raised: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close them."""
        await self._session.close()
        await self._client.close()  # type: ignore[no-untyped-call]

    async def prepare(self) -> None:
        """Make the database and its retention policies where they are missing, and lengthen what keeps less than ours.

        A policy that keeps more is left as it is.
        """
        await self.ask(f'CREATE DATABASE "{self._database}"')
        found = await self.ask(f'SHOW RETENTION POLICIES ON "{self._database}"')
        there = {row["name"]: row["duration"] for rows in found for row in rows.named()}
        for policy, days in _KEPT_DAYS.items():
            duration = f"{days}d" if days else "INF"
            if policy not in there:
                kept = f"DURATION {duration} REPLICATION 1 SHARD DURATION {_SHARDS[policy]}"
                default = " DEFAULT" if policy == RAW else ""
                await self.ask(f'CREATE RETENTION POLICY "{policy}" ON "{self._database}" {kept}{default}')
            elif _shorter(there[policy], days):
                await self.ask(f'ALTER RETENTION POLICY "{policy}" ON "{self._database}" DURATION {duration}')
                logger.warning(
                    "influxdb kept %s for %s, and now for %s: `manyi series reconcile` brings back what is lost",
                    policy,
                    there[policy],
                    duration,
                )

    async def drop(self, measurements: Iterable[str]) -> None:
        """Drop `measurements`; no drop of this database is at work when this returns, whoever asked for it.

        Somebody who was killed, or had no more patience, may have left one at work.
        """
        # One request: there is no moment between two for others to come into.
        await self._ask("; ".join(f"DROP MEASUREMENT {name}" for name in measurements), {}, within_s=DROP_S)
        while True:
            listed = [row for rows in await self.ask("SHOW QUERIES") for row in rows.named()]
            if not any(row["database"] == self._database and "DROP MEASUREMENT" in row["query"] for row in listed):
                return
            await asyncio.sleep(DROPPING_LOOK_S)

    async def write(self, policy: str, lines: Sequence[str]) -> list[Reject]:
        """Write `lines`; those that are refused for good come back, every other one is stored when this returns."""
        parts = cut(lines, LINES)
        rejects: list[Reject] = []

        async def work() -> None:
            for part in parts:
                rejects.extend(await self._store(policy, part))

        ends = await asyncio.gather(*(work() for _ in range(IN_FLIGHT)), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end
        return rejects

    async def _store(self, policy: str, lines: list[str]) -> list[Reject]:
        """Write one part; of a part that is refused each half is tried, until a half is wholly good or wholly bad."""
        complaint = await self._send(policy, lines)
        if complaint is None:
            return []
        dropped = _DROPPED.fullmatch(complaint)
        if len(lines) == 1 or (dropped and int(dropped[1]) == len(lines)):
            return [Reject(line, complaint) for line in lines]
        half = len(lines) // 2
        return [*await self._store(policy, lines[:half]), *await self._store(policy, lines[half:])]

    async def _send(self, policy: str, lines: list[str]) -> str | None:
        """Send one request; None when every line was stored, otherwise what InfluxDB has against some of them."""
        body = await asyncio.to_thread(_squeezed, lines)
        try:
            await self._writes.post_write_async(  # type: ignore[no-untyped-call]
                org=self._org,
                bucket=f"{self._database}/{policy}",
                body=body,
                precision="ns",
                content_encoding="gzip",
                content_type="text/plain; charset=utf-8",
            )
        except ApiException as bad:
            said = _said(bad.body)
            if bad.status in {_BAD_REQUEST, _UNPROCESSABLE} and said:
                return said
            if bad.status == _TOO_LARGE and len(lines) > 1:
                return "too large"
            raise self._unavailable(bad.status, said) from bad
        except (aiohttp.ClientError, TimeoutError, OSError) as bad:
            raise self._unavailable(0, _why(bad)) from bad
        return None

    async def ask(self, statement: str, **values: object) -> list[Rows]:
        """Run one InfluxQL statement, or several with `;` between them; the series of all answers.

        `values` stand as `$name` in the statement.
        """
        return await self._ask(statement, values, within_s=ASK_S)

    async def _ask(self, statement: str, values: Mapping[str, object], *, within_s: float) -> list[Rows]:
        patience = aiohttp.ClientTimeout(total=within_s, connect=CONNECT_S)
        asked = {"q": statement, "db": self._database, "epoch": "ns", "params": msgspec.json.encode(values).decode()}
        try:
            async with self._session.post(f"{self._url}/query", data=asked, timeout=patience) as reply:
                body = await reply.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as bad:
            raise self._unavailable(0, _why(bad)) from bad
        if reply.status != _OK:
            raise self._unavailable(reply.status, _said(body))
        try:
            answer = _answer.decode(body)
        except msgspec.DecodeError as bad:
            raise self._unavailable(reply.status, f"an answer that cannot be read: {bad}") from bad
        for failed in (answer.error, *(result.error for result in answer.results)):
            if failed:
                raise self._unavailable(reply.status, failed)
        return [rows for result in answer.results for rows in result.series]

    def _unavailable(self, status: int, said: str) -> Unavailable:
        if status in {_UNAUTHORISED, _FORBIDDEN}:
            return Unavailable(f"influxdb {self._url}: refuses the token in series.token_file: {said or status}")
        return Unavailable(f"influxdb {self._url}: {said or f'answers {status}'}")


def _shorter(duration: str, days: int) -> bool:
    """Whether a policy's `duration` as InfluxDB tells it ("9600h0m0s"; "0s": for ever) is less than `days`."""
    hours, _, _ = duration.partition("h")
    return duration != "0s" and (days == 0 or not hours.isdecimal() or int(hours) < days * 24)


def _squeezed(lines: list[str]) -> bytes:
    squeeze = zlib.compressobj(1, zlib.DEFLATED, _GZIP_WINDOW_BITS)
    return squeeze.compress("\n".join(lines).encode()) + squeeze.flush()


def _said(body: bytes | None) -> str:
    """Return InfluxDB's own words in `body`; "" for anything else, such as a proxy's page."""
    try:
        complaint = _complaint.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return complaint.error or complaint.message


def _why(bad: BaseException) -> str:
    return str(bad) or type(bad).__name__
