"""Where people file appeals and decide them: each deed in one transaction with the log, or refused and nothing done."""

from collections.abc import Callable

from cloud.appeals import store
from cloud.appeals.appeal import Appeal, AppealRefused, Deed, Wish
from cloud.appeals.rules import acted, filed, open_until
from cloud.changes import store as changes
from cloud.database import Database, unavailable
from cloud.reports import store as reports
from cloud.reports.lines import line_of

_NOTED: dict[Deed, str] = {"grant": "grant-appeal", "refuse": "refuse-appeal", "withdraw": "withdraw-appeal"}


class AppealDesk:
    """Acts on `database`; `now` is the city's time in ms. Whether somebody may is the door's to say."""

    def __init__(self, database: Database, *, now: Callable[[], int]) -> None:
        self._database = database
        self._now = now

    async def file(self, wish: Wish, by: str) -> Appeal:
        """File `wish` in the name of `by`. Raises `AppealRefused`, and `Unavailable`."""
        named = f"edition {wish.edition} of {wish.period}"
        with unavailable():
            async with self._database.reader.connect() as connection:
                one = await reports.numbered(connection, wish.period, wish.edition)
            if one is None:
                raise AppealRefused("unknown", f"there is no {named}")
            told = one.edition
            if line_of(told.lines, wish.unit) is None:
                raise AppealRefused("unknown", f"{named} has no line of {wish.unit}")
            async with self._database.writer.begin() as connection:
                last = await store.hold(connection)
                now, newest = self._now(), await reports.newest_number(connection, wish.period)
                if open_until(told.stage, told.until, told.number, newest, now) is None:
                    raise AppealRefused("late", f"{named} is not open to appeals any more")
                appeal = filed(last + 1, wish, by, now)
                if (other := await store.alike(connection, appeal)) is not None:
                    raise AppealRefused("twice", f"appeal {other} is about the same, and undecided")
                about = {"period": wish.period, "edition": wish.edition, "kind": wish.kind}
                # The log first, here and below, as all who write to both it and the news of cases.
                await changes.note(connection, now, by, "file-appeal", str(appeal.number), wish.unit, **about)
                await store.put(connection, appeal)
        return appeal

    async def act(self, number: int, deed: Deed, text: str, by: str, *, seen: int) -> Appeal:
        """Do `deed` about appeal `number` as it was `seen` (its version); the appeal as it is then.

        Raises `AppealRefused`, and `Unavailable`.
        """
        with unavailable():
            async with self._database.writer.begin() as connection:
                before = await store.load(connection, number)
                if before is None:
                    raise AppealRefused("unknown", f"there is no appeal {number}")
                now = self._now()
                if seen != before.version:
                    raise AppealRefused("changed", f"appeal {number} was changed meanwhile: look again")
                after = acted(before, deed, text, by, now)
                about = {"period": after.period, "edition": after.edition, "kind": after.kind}
                await changes.note(connection, now, by, _NOTED[deed], str(number), after.unit, **about)
                if not await store.change(connection, before, after):
                    raise AppealRefused("changed", f"appeal {number} was changed meanwhile: look again")
        return after
