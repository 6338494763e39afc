"""The page on closures, special days and hours of a place."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import RedirectResponse

from cloud.calendar import Calendar
from cloud.console.listing import Cell, Column, Listing
from cloud.console.screens import Screens
from cloud.day import NamedDay
from cloud.door.asker import asker_of
from cloud.door.rules import TABLE
from cloud.hours import store
from cloud.hours.changing import Changing, Unchanged
from cloud.hours.forms import WITHDRAWN
from cloud.hours.public import SAY_DAYS, unknown_year
from cloud.hours.rules import CITY, Closure, Hours, Kind, Offices, Stretches
from cloud.people.rules import Person, within
from cloud.registry.routes import OWN_PLACE
from cloud.registry.snapshot import Registry
from contract.errors import SettingsError

Place = Annotated[str, Query(pattern=OWN_PLACE)]
Reason = Annotated[str, Form(max_length=200)]
_COLUMNS = (
    Column("closures.what"),
    Column("closures.place"),
    Column("closures.first"),
    Column("closures.last"),
    Column("closures.reason"),
    Column("closures.state"),
)
_WORDS = {"twice": "closures.twice", "backwards": "closures.backwards", "none": "closures.none"}


class Pages:
    """`calendar` has the city's days, `now` is its time in ms."""

    def __init__(
        self,
        reader: AsyncEngine,
        changing: Changing,
        screens: Screens,
        *,
        registry: Callable[[], Registry],
        offices: Callable[[], Offices],
        calendar: Calendar,
        now: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._changing = changing
        self._screens = screens
        self._registry = registry
        self._offices = offices
        self._calendar = calendar
        self._now = now

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/closures", self.closures)
        pages.add_api_route("/closures", self.close, methods=["POST"])
        pages.add_api_route("/closures/end", self.reopen, methods=["POST"])
        pages.add_api_route("/closures/days", self.set_day, methods=["POST"])
        pages.add_api_route("/closures/days/end", self.unset_day, methods=["POST"])
        return pages

    def year(self, person: Person) -> int | None:
        """Which year that begins soon has holidays that nobody knows, for whoever can do something about it."""
        if person.role not in TABLE["POST", "/closures/days"].roles:
            return None
        return unknown_year(self._calendar.day(self._now()), self._offices().registered_years, SAY_DAYS)

    async def closures(self, request: Request, place: Place = "") -> Response:
        """List what holds at a place, by default the asker's own, and in all that lies in it or around it."""
        return await self._closures(request, place)

    async def close(
        self,
        request: Request,
        first: Annotated[NamedDay, Form()],
        last: Annotated[NamedDay, Form()],
        reason: Reason,
        place: Place = "",
    ) -> Response:
        """Close a place for some days."""
        person = asker_of(request).person
        if not reason.strip():
            return await self._closures(request, place, word="closures.no_reason")
        try:
            await self._changing.close(place or person.place, first, last, reason.strip(), person.name)
        except (Unchanged, SettingsError) as refused:
            return await self._closures(request, place, word=_word_of(refused))
        return _back(place)

    async def reopen(self, request: Request, first: Annotated[NamedDay, Form()], place: Place = "") -> Response:
        """Take a closure back."""
        person = asker_of(request).person
        try:
            await self._changing.reopen(place or person.place, first, person.name)
        except Unchanged as refused:
            return await self._closures(request, place, word=_word_of(refused))
        return _back(place)

    async def set_day(
        self, request: Request, day: Annotated[NamedDay, Form()], kind: Annotated[Kind, Form()], reason: Reason
    ) -> Response:
        """Say what a day is in the city."""
        if not reason.strip():
            return await self._closures(request, "", word="closures.no_reason")
        try:
            await self._changing.set_day(day, kind, reason.strip(), asker_of(request).person.name)
        except Unchanged as refused:
            return await self._closures(request, "", word=_word_of(refused))
        return _back("")

    async def unset_day(self, request: Request, day: Annotated[NamedDay, Form()]) -> Response:
        """Let the published calendar hold for a day again."""
        try:
            await self._changing.unset_day(day, asker_of(request).person.name)
        except Unchanged as refused:
            return await self._closures(request, "", word=_word_of(refused))
        return _back("")

    async def _closures(self, request: Request, place: str, *, word: str = "") -> Response:
        person, known = asker_of(request).person, self._registry()
        here = place or person.place
        async with self._reader.connect() as connection:
            held = await store.load(connection)
        closures = [one for one in held.closures if one.last != WITHDRAWN and _concerns(one.place, here)]
        days = [one for one in held.days if one.kind != "published"]
        hours = [one for one in held.hours if one.last != WITHDRAWN and _concerns(one.place, here)]
        today = self._calendar.day(self._now())
        rows = [self._closure(request, one, today) for one in sorted(closures, key=_first, reverse=True)]
        rows += [
            self._row(request, f"daykind.{day.kind}", CITY, day.day, day.day, day.reason, today)
            for day in sorted(days, reverse=True)
        ]
        rows += [self._hours(request, one, today) for one in hours]
        may_close = person.role in TABLE["POST", "/closures"].roles and "-" not in here
        may_days = person.role in TABLE["POST", "/closures/days"].roles
        return self._screens.listed(
            request,
            "closures.html",
            Listing("closures", _COLUMNS, rows),
            status=400 if word else 200,
            here="/closures",
            place=place,
            place_name=self._screens.called(request, known, here),
            places=_within(known, person.place),
            word=word,
            may_close=may_close,
            may_days=may_days,
            mine=[one for one in closures if one.place == here] if may_close else [],
            days=days if may_days else [],
            year=self.year(person),
        )

    def _closure(self, request: Request, one: Closure, today: str) -> list[Cell]:
        return self._row(request, "closures.closed", one.place, one.first, one.last, one.reason, today)

    def _hours(self, request: Request, one: Hours, today: str) -> list[Cell]:
        word = self._screens.word
        said = "; ".join(
            f"{word(request, key)} {_text(stretches)}"
            for key, stretches in (
                ("sheet.working", one.working),
                ("sheet.saturday", one.saturday),
                ("sheet.sunday", one.sunday),
                ("sheet.holiday", one.holiday),
            )
            if stretches
        )
        return self._row(request, "closures.hours", one.place, one.first, one.last, said, today)

    def _row(
        self, request: Request, what: str, place: str, first: str, last: str | None, why: str, today: str
    ) -> list[Cell]:
        word = self._screens.word
        state = "coming" if first > today else "past" if last is not None and last < today else "present"
        return [
            Cell(word(request, what)),
            Cell(self._screens.called(request, self._registry(), place)),
            Cell(first),
            Cell(word(request, "imports.open_end") if last is None else last),
            Cell(why),
            Cell(word(request, f"closures.{state}"), tone={"present": "warn", "past": "quiet"}.get(state, "")),  # type: ignore[arg-type]
        ]


def _concerns(place: str, here: str) -> bool:
    """Whether what is said of `place` holds at `here`, or in a part of it."""
    return within(here, place) or within(place, here)


def _within(registry: Registry, scope: str) -> list[tuple[str, str, str]]:
    """The places that somebody of `scope` can choose among: code, and names in Chinese and English."""
    return [(one.code, one.zh, one.en) for one in registry.places.values() if within(one.code, scope)]


def _first(one: Closure) -> tuple[str, str]:
    return one.first, one.place


def _text(stretches: Stretches) -> str:
    return " ".join(f"{begin // 60:02d}:{begin % 60:02d}-{end // 60:02d}:{end % 60:02d}" for begin, end in stretches)


def _word_of(refused: Exception) -> str:
    return _WORDS[refused.why] if isinstance(refused, Unchanged) else "closures.no_place"


def _back(place: str) -> Response:
    return RedirectResponse(f"/closures?place={place}" if place else "/closures", 303)
