"""Words that only some may read, planted all over a city: whoever is answered with another's has found a leak."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from cloud.calendar import Calendar
from cloud.cases import policy
from cloud.cases import store as cases
from cloud.cases.case import Body, Rating
from cloud.cases.deadlines import terms_of
from cloud.cases.rules import opened
from cloud.database import write
from cloud.door.rules import CITY_WIDE, PEOPLE
from cloud.hours.holder import offices_of
from cloud.hours.rules import NOTHING
from cloud.misuse import store as flags
from cloud.misuse.rules import Flag
from cloud.people.rules import AT_ONCE, ROLES, Role
from cloud.people.secret import digest
from cloud.quarantine import store as quarantine
from cloud.quarantine.rules import Poison
from cloud.registry.load import register
from contract.errors import Reason
from contract.signing import Signer
from tests.cloud.reception import NOW, OWN, Stage, key_of
from tests.cloud.where import Where

HOME, NEAR, FAR = "371721121", "371721122", "371722101"
_VEILED = 2
# By number: where the case lies. Case 2 is behind the veil.
CASES = {1: OWN["clerk"], _VEILED: OWN["clerk"], 3: f"{NEAR}-a1/01", 4: f"{FAR}-a1/01"}
PLACES = ("city", "371721", "371722", HOME, NEAR, FAR, *dict.fromkeys(CASES.values()))
NOBODY: frozenset[Role] = frozenset()
_COUNTY: frozenset[Role] = CITY_WIDE | {"supervisor"}


class Canary(NamedTuple):
    """`word` is for the eyes of `roles` alone."""

    word: str
    roles: frozenset[Role]


def place_of(number: str, role: Role) -> str | None:
    """Where case `number` lies; None where there is none for `role`."""
    case = int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 0
    return None if case == _VEILED and role not in AT_ONCE else CASES.get(case)


_TEXTS: Mapping[int, Canary] = {
    1: Canary("canary of our own case", PEOPLE),
    _VEILED: Canary("canary behind the veil", AT_ONCE),
    3: Canary("canary of the next township", _COUNTY),
    4: Canary("canary of another county", CITY_WIDE),
}
_NUMBERS = {number: Canary(f"canaryNR{number}0", AT_ONCE) for number in CASES}
# The wall names what is offline.
_NODES = {code: Canary(f"{code}-canary", roles | {"wall"}) for code, roles in ((NEAR, _COUNTY), (FAR, CITY_WIDE))}
_FLAGS = {"371721121-a1": Canary("canary of our county's flag", _COUNTY), f"{FAR}-a1": Canary("far canary", CITY_WIDE)}
_REFUSED = Canary("canary in quarantine", CITY_WIDE)
_ESTIMATED = Canary("canaryESTI", CITY_WIDE)
# Whoever puts all turns on call has to know whom there is for them.
_NAME = Canary("canary.account", frozenset({"admin", "auditor", "operator"}))
_SECRETS = [Canary(word, NOBODY) for role in ROLES for word in (key_of(role), digest(key_of(role)))]
ALL = [*_TEXTS.values(), *_NUMBERS.values(), *_NODES.values(), *_FLAGS.values(), _REFUSED, _ESTIMATED, _NAME, *_SECRETS]


async def plant(where: Where) -> None:
    """Put them into a database whose city has not begun yet."""
    calendar = Calendar("Asia/Shanghai")
    signer = Signer(b"c" * 32)
    nodes = [
        *({"node": window.partition("/")[0], "windows": ["01"]} for window in CASES.values()),
        *({"node": canary.word, "windows": ["01"]} for canary in _NODES.values()),
    ]
    named = {one["node"]: {**one, "key": signer.public} for one in nodes}
    async with await where.open() as database:
        await register(database.writer, msgspec.json.encode({"nodes": list(named.values())}), NOW)
        async with database.writer.begin() as connection:
            for number, window in CASES.items():
                terms = terms_of(policy.shipped(), calendar, offices_of(NOTHING, calendar), window[:9])
                case, step = opened(number, window, NOW, NOW, terms)
                await cases.put(connection, [(case, step._replace(body=Body(text=_TEXTS[number].word)))])
                seen_from = NOW + 300_000 if number == _VEILED else NOW
                node = window.partition("/")[0]
                rating = Rating(node, _NUMBERS[number].word, number, window, NOW, number, NOW, seen_from, 0)
                await cases.put_ratings(connection, [(rating, number)])
            refused = Poison(FAR, f"{FAR}-a1", Reason.UNDECODABLE, _REFUSED.word, "d" * 64, 1, b"x")
            await quarantine.keep(connection, [refused], NOW)
            estimate = (1, f"{FAR}-a1", _ESTIMATED.word, 1, 1, NOW, NOW, NOW)
            columns = "position, node, epoch, first, last, at, earliest, latest"
            values = ", ".join(f":{name}" for name in columns.split(", "))
            await write(connection, f"INSERT INTO estimate ({columns}) VALUES ({values})", [estimate])  # noqa: S608


async def plant_later(stage: Stage) -> None:
    """Put in what the city itself would clear away as it begins."""
    while stage.where.query("SELECT * FROM misuse_cursor WHERE basis <> ''") == []:
        await asyncio.sleep(0.02)
    await stage.account(_NAME.word, "operator")
    day = Calendar("Asia/Shanghai").day(NOW)
    async with await stage.where.open() as database, database.writer.begin() as connection:
        for node, canary in _FLAGS.items():
            flag = Flag("burst", "v", node, "01", day, NOW - 9, NOW, [("A" * 10, 1, 2)], {"why": canary.word})
            await flags.replace(connection, node, day, [flag])
