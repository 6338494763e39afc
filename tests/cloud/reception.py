"""A whole city on loopback whose clock a test turns, and people who come in at it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch
from urllib.parse import urlsplit

import httpx

from cloud.alerts import store as alerts
from cloud.alerts.rules import of_case
from cloud.appeals import store as appeals
from cloud.appeals.appeal import Wish
from cloud.appeals.rules import filed
from cloud.calendar import Calendar
from cloud.cases import policy
from cloud.cases import store as cases
from cloud.cases.case import Rating
from cloud.cases.deadlines import terms_of
from cloud.cases.rules import opened
from cloud.city import City
from cloud.hours.holder import offices_of
from cloud.hours.rules import NOTHING
from cloud.people.accounts import Holder
from cloud.people.inviting import invite
from cloud.people.rules import Person, Role
from cloud.people.secret import digest
from cloud.people.tokens import TokenForm, put
from cloud.settings import Http, NoticesSettings, OidcSettings, Settings
from contract.signing import Signer
from firmware_sim import loopback
from tests.cloud.where import Where
from transport.broker import Broker

NOW = 1_795_370_494_364
# A broker that is never there.
NOWHERE = Broker("127.0.0.1", 1)
PASSWORD = "a sentence is fine"  # noqa: S105  (of people in tests)
# A large file is read in its time, also where many tests share the machine.
PATIENCE_S = 30.0
OWN: dict[Role, str] = {"clerk": "371721121-a1/01", "township": "371721121", "supervisor": "371721"}


@dataclass
class Stage:
    """`now` (ms) and `ticks` (s) are the city's clocks. `said` is what it told the person who started it.

    `attachments`: the folder of the files of its cases; `contacts`: of what citizens left for a call back.
    """

    where: Where
    attachments: Path
    address: str = ""
    now: int = NOW
    ticks: float = 0.0
    said: list[str] = field(default_factory=list)

    @property
    def contacts(self) -> Path:
        return self.attachments.with_name("contacts")

    @property
    def first_link(self) -> str:
        return self.said[-1].rpartition("=")[2]

    def later(self, seconds: float) -> None:
        self.now += int(seconds * 1000)
        self.ticks += seconds

    def browser(self) -> httpx.AsyncClient:
        """A browser as far as cookies and what it says of itself go."""
        return loopback.client(
            base_url=self.address.rstrip("/"),
            timeout=PATIENCE_S,
            headers={"Sec-Fetch-Site": "same-origin", "Accept": "text/html"},
        )

    def program(self, role: Role) -> httpx.AsyncClient:
        """A program with the key of `role`, in `OWN` or the whole city."""
        return loopback.client(base_url=self.address.rstrip("/"), headers={"Authorization": f"Bearer {key_of(role)}"})

    async def account(self, name: str, role: Role, *, mail: str | None = None) -> str:
        """Make an account; the secret of its one-time link."""
        async with await self.where.open() as database, database.writer.begin() as connection:
            person = Person(name, role, OWN.get(role, "city"))
            return await invite(
                connection,
                person,
                Holder(name.title(), mail=mail),
                now=self.now,
                random_bits=secrets.randbits,
                by="test",
            )

    async def open_cases(self, *windows: str, alerted: bool = True) -> None:
        """Open a case of each of `windows`, numbered from 1, which everybody sees; with an alert of the same number."""
        calendar = Calendar("Asia/Shanghai")
        offices = offices_of(NOTHING, calendar)
        async with await self.where.open() as database, database.writer.begin() as connection:
            for number, window in enumerate(windows, start=1):
                terms = terms_of(policy.shipped(), calendar, offices, window[:9])
                await cases.put(connection, [opened(number, window, self.now, self.now, terms)])
                rating = Rating(window.partition("/")[0], "A" * 10, number, window, self.now, number, self.now, 0, 0)
                await cases.put_ratings(connection, [(rating, number)])
                if alerted:
                    await alerts.put(connection, [of_case(number, number, 1, window, "township", self.now)])

    async def appeal(self, *units: str) -> None:
        """File an appeal against the line of each of `units`, numbered from 1, whatever was published."""
        async with await self.where.open() as database, database.writer.begin() as connection:
            for number, unit in enumerate(units, start=1):
                wish = Wish("2026Q3", 1, unit, "other", "why is that so")
                await appeals.hold(connection)
                await appeals.put(connection, filed(number, wish, "test", self.now))

    async def come_in(self, browser: httpx.AsyncClient, name: str, role: Role) -> None:
        """Make an account and come in by its link."""
        link = await self.account(name, role)
        answer = await browser.post("/welcome", data={"link": link, "password": PASSWORD, "again": PASSWORD})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/desk")


def key_of(role: Role) -> str:
    return f"{role}-".ljust(43, "k")


@asynccontextmanager
async def open_stage(
    where: Where,
    broker: Broker = NOWHERE,
    *,
    notices: NoticesSettings | None = None,
    oidc: OidcSettings | None = None,
    now: int = NOW,
    phones: bool = False,
    tablets: bool = False,
    homes: bool = False,
    pki: Path | None = None,
) -> AsyncIterator[Stage]:
    """A city with a key for every role; with `notices` its clock is known, so that it tells people by itself.

    With `oidc` it is where that says that browsers come back to; with `phones` citizens rate by theirs, with
    `tablets` windows may be those, with `homes` assistants visit; `pki` is the folder of its CA, if it has one.
    """
    async with await where.open() as database, database.writer.begin() as connection:
        roles: tuple[Role, ...] = ("wall", "clerk", "township", "supervisor", "operator", "auditor", "admin")
        forms = [TokenForm(f"{role}-key", role, digest(key_of(role)), OWN.get(role, "city")) for role in roles]
        await put(connection, forms, NOW)
    with ExitStack() as patched:
        folder = Path(patched.enter_context(TemporaryDirectory()))
        stage = Stage(where, folder / "attachments", now=now)
        if notices is not None:
            # The machine's clock since its boot is turned with the city's, which would call it stepped.
            patched.enter_context(patch("cloud.ingest.worker.boottime_ms", lambda: stage.now))
        told = notices or NoticesSettings()
        trusted = notices is not None
        channels = {"phones": phones, "tablets": tablets, "homes": homes}
        async with _running(stage, broker, told, oidc, trusted=trusted, channels=channels, pki=pki):
            yield stage


@asynccontextmanager
async def _running(
    stage: Stage,
    broker: Broker,
    notices: NoticesSettings,
    oidc: OidcSettings | None,
    *,
    trusted: bool,
    channels: Mapping[str, bool],
    pki: Path | None,
) -> AsyncIterator[None]:
    city = City(
        Settings(
            stage.where.database,
            "",
            broker,
            Http(port=0 if oidc is None else urlsplit(oidc.site).port or 0),
            clock="trusted" if trusted else "kernel",
            notices=notices,
            oidc=oidc,
            attachments=str(stage.attachments),
            contacts=str(stage.contacts),
            phones=channels["phones"],
            tablets=channels["tablets"],
            homes=channels["homes"],
            pki=None if pki is None else str(pki),
        ),
        signer=Signer(bytes(32)),
        now=lambda: stage.now,
        monotonic=lambda: stage.ticks,
        random_bits=secrets.randbits,
        tell=stage.said.append,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(city.run())
        await city.ready.wait()
        stage.address = city.address
        yield
        city.stop()
