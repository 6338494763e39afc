"""Filing a judgement: what two auditors signed becomes an entry of the ledger, and its ratings leave the reports."""

from cloud.database import Database, unavailable
from cloud.judgements import store
from cloud.judgements.rules import lapsed, objection
from cloud.ledger.store import Entry, enter
from cloud.misuse import store as misuse
from cloud.registry import auditors
from contract.errors import SettingsError
from proof import judgement
from proof.judgement import Filed
from proof.scores import minus
from proof.upheld import Upheld

_NONE = (0, 0, 0)


async def file(database: Database, one: Filed, *, at: int) -> tuple[int, int]:
    """File `one` at city time `at` (ms); its position, and how many ratings fewer count in reports because of it.

    The number may be negative, where an upheld flag is dismissed after all. Raises `SettingsError`, which says why it
    cannot be filed, and `Unavailable`, also where another flag of the same day was judged meanwhile; then nothing has
    happened.
    """
    told = one.judgement
    with unavailable():
        async with database.writer.begin() as connection:
            keys = await auditors.known(connection)
            flags = await misuse.flags_since(connection, told.node, told.day)
            before = await store.of_day(connection, told.node, told.day)
            against = (
                judgement.objection(one, keys)
                or lapsed(one, keys, at)
                or judgement.misfit(store.newest(before).get(told.flag), one)
                or objection(told, flags.get(told.day, ()), now=at)
            )
            if against is not None:
                raise SettingsError(f"judgement of {told.place} on {told.day}: {against}")
            named = sum(len(numbers) for numbers in told.numbers.values())
            if len(await store.counting(connection, told.numbers)) != named:
                raise SettingsError(f"judgement of {told.place} on {told.day}: it names ratings that do not count")
            number = len(before) + 1
            entry = Entry("judgement", told.node, told.day, number, number, at, "", one.raw)
            position = await enter(connection, entry)
            past = Upheld((place, filed.judgement) for place, filed in before)
            now = Upheld([*((place, filed.judgement) for place, filed in before), (position, told)])
            were = store.cells(await store.counting(connection, past.numbers))
            are = store.cells(await store.counting(connection, now.numbers))
            # What is added to both sides of a recount's difference leaves it what it was.
            more = {key: minus(are.get(key, _NONE), were.get(key, _NONE)) for key in are.keys() | were.keys()}
            await store.add(connection, {key: counts for key, counts in more.items() if any(counts)})
    return position, sum(sum(counts) for counts in more.values())
