"""The pages on cases: a list that keeps itself up to date, and one case with its history and what can be done now."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Form, Query, Request, Response
from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import RedirectResponse

from cloud.attachments.rules import TYPES
from cloud.calendar import Calendar
from cloud.cases import reading
from cloud.cases.case import Action, Case, CaseRefused, Deed, State
from cloud.cases.desk import CaseDesk
from cloud.cases.latest import Latest
from cloud.cases.moves import MAY, MOVES
from cloud.cases.news import DESKS, News
from cloud.cases.reading import NEWEST, Asked, Listed, Which
from cloud.cases.request import Request as Wish
from cloud.cases.routes import STATUS
from cloud.cases.rules import allowed
from cloud.cases.veil import viewer_of
from cloud.console.listing import Cell, Column, Listing, Tone
from cloud.console.screens import Screens, language_of, queried
from cloud.contacts import policy
from cloud.contacts import store as contacts
from cloud.contacts.rules import LEAST_REASON, MOST_NAME, MOST_REASON
from cloud.contacts.rules import MAY as MAY_CONTACT
from cloud.door.asker import asker_of
from cloud.door.numbered import place_of
from cloud.openapi import problem, stream
from cloud.people.rules import Person
from cloud.reasons import store as reasons
from cloud.reasons.rules import told_to
from cloud.registry.routes import OWN_PLACE
from cloud.registry.snapshot import Registry, names_of

PAGE = 50
_COLUMNS = (
    Column("cases.number", number=True),
    Column("cases.state"),
    Column("cases.window"),
    Column("cases.ratings", number=True),
    Column("cases.opened"),
    Column("cases.due"),
    Column("cases.level"),
    Column("cases.assignee"),
)
# By which key each is chosen on a case's page.
KEYS: dict[Deed, str] = {
    "contact": "c",
    "verify": "v",
    "rectify": "r",
    "reply": "e",
    "revisit": "t",
    "close": "x",
    "call_unfounded": "u",
    "uphold_unfounded": "y",
    "reject_unfounded": "z",
    "assign": "a",
    "note": "n",
    "attach": "f",
    "leave_contact": "l",
    "read_contact": "o",
    "delete_contact": "d",
}
# How long what is typed about a contact may be, and how long it is kept.
_LIMITS = {
    "name": MOST_NAME,
    "least_reason": LEAST_REASON,
    "reason": MOST_REASON,
    "days": policy.shipped().contact_days,
}
# What can be done in many cases at once.
IN_BULK: tuple[Action, ...] = ("assign", "note")
_TEXTS: frozenset[Action] = frozenset(move.action for move in MOVES if move.text)
Text = Annotated[str, Form(max_length=8000)]


class _Page(NamedTuple):
    """A page of the list, and how it is drawn."""

    listing: Listing
    drawn: Markup


class Pages:
    """`calendar` has the city's days, `now` is its time in ms."""

    def __init__(
        self,
        reader: AsyncEngine,
        desk: CaseDesk,
        news: News,
        screens: Screens,
        *,
        registry: Callable[[], Registry],
        calendar: Calendar,
        now: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._desk = desk
        self._news = news
        self._screens = screens
        self._registry = registry
        self._calendar = calendar
        self._now = now
        self._latest: Latest[_Page] = Latest()

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/cases", self.cases)
        pages.add_api_route("/cases/stream", self.stream)
        pages.add_api_route("/cases/{number}", self.case)
        pages.add_api_route("/cases/{number}/act", self.act, methods=["POST"])
        return pages

    async def where(self, number: str, person: Person) -> str | None:
        """Return the window of case `number`, for the door; None where there is none that `person` sees."""
        viewer = viewer_of(person, self._now())
        return await place_of(self._reader, number, partial(reading.window_of, viewer=viewer))

    async def cases(
        self,
        request: Request,
        place: Annotated[str, Query(pattern=OWN_PLACE)] = "",
        which: Annotated[Which, Query()] = "open",
        before: Annotated[int, Query(ge=1, le=NEWEST)] = NEWEST,
        *,
        overdue: Annotated[bool, Query()] = False,
    ) -> Response:
        """List the cases of a place, by default the asker's own, the newest first."""
        person = asker_of(request).person
        may = [action for action in IN_BULK if action in MAY[person.role]]
        asked = Asked(names_of(place or person.place), which, overdue, before)
        viewer = viewer_of(person, self._now())
        async with self._reader.connect() as connection:

            async def read() -> _Page:
                return self._drawn(
                    request, await reading.page(connection, asked, viewer, PAGE, self._calendar), picked=bool(may)
                )

            if viewer.at_once:
                question = asked, language_of(request), request.url.query, bool(may)
                page = await self._latest.of(connection, viewer.now, question, read)
            else:
                page = await read()
        return self._screens.listed(
            request,
            "cases.html",
            page.listing,
            which=which,
            overdue=overdue,
            place=place,
            table=page.drawn,
            bulk_actions=may,
        )

    def _drawn(self, request: Request, found: list[Listed], *, picked: bool) -> _Page:
        more = None
        if len(found) == PAGE:
            more = queried(request, before=found[-1].case.number)
        listing = Listing("cases", _COLUMNS, [self._row(request, one) for one in found], more)
        picks = [f"{one.case.number}:{one.case.steps}" for one in found] if picked else []
        return _Page(listing, self._screens.table(request, listing, "cases.title", picks))

    async def stream(self, request: Request) -> Response:
        """Tell a desk whenever something about cases may have changed for it."""
        if self._news.desks >= DESKS:
            return problem(503, f"{DESKS} desks listen already")
        at_once = viewer_of(asker_of(request).person, self._now()).at_once
        return stream(self._news.follow() if at_once else self._news.minutes())

    async def case(self, request: Request, number: int) -> Response:
        """Show one case."""
        return await self.shown(request, number)

    async def act(
        self,
        request: Request,
        number: int,
        action: Annotated[Action, Form()],
        seen: Annotated[int, Form(ge=0)],
        text: Text = "",
        rating: Annotated[str, Form(pattern="^[123]?$")] = "",
        assignee: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        """Do what was asked for, and show the case as it is then."""
        wish = Wish(action, text, int(rating) if rating else None, assignee.strip() or None)
        try:
            await self._desk.act(number, wish, asker_of(request).person, seen=seen)
        except CaseRefused as refused:
            word = f"cases.refused_{refused.kind}"
            return await self.shown(request, number, refused=word, status=STATUS[refused.kind], tried=action, text=text)
        return RedirectResponse(f"/cases/{number}", 303)

    async def shown(
        self,
        request: Request,
        number: int,
        *,
        refused: str = "",
        status: int = 200,
        tried: Deed | None = None,
        text: str = "",
        telephone: str = "",
        name: str = "",
        left: bool = False,
    ) -> Response:
        """Show case `number`; with the key of the words for why `tried` was `refused`, and what was given with it.

        `left`: its contact was deleted, and is on the disk still.
        """
        person, now = asker_of(request).person, self._now()
        async with self._reader.connect() as connection:
            found = await reading.one(connection, number, viewer_of(person, now), self._calendar)
            said = told_to(person.role, await reasons.of_case(connection, number, viewer_of(person, now)))
            masked = await contacts.of_case(connection, number) if person.role in MAY_CONTACT else None
        if found is None:
            return problem(404, f"there is no case {number}")
        actions = allowed(found.case, person)
        about = about_contact(found.case, person, masked)
        return self._screens.page(
            request,
            "case.html",
            here=f"/cases/{number}",
            status=status,
            case=found.case,
            ratings=found.ratings,
            said=said,
            steps=found.steps,
            window=self._called(request, found.case),
            actions=actions,
            # Where that cannot be done any more, what was typed is still not lost.
            resumed=tried if tried is None or tried in {*actions, *about} else actions[0] if actions else None,
            about_contact=about,
            masked=masked,
            telephone=telephone,
            name=name,
            contact_left=left,
            limits=_LIMITS,
            keys=KEYS,
            texts=_TEXTS,
            tone=_tone(found.case.state),
            overdue=found.case.overdue(now),
            refused=refused,
            endings=",".join(f".{ending}" for ending in TYPES),
            text=text,
        )

    def _row(self, request: Request, one: Listed) -> list[Cell]:
        case, word = one.case, self._screens.word
        late = case.overdue(self._now())
        due = "" if case.due_at is None else self._calendar.day(case.due_at - 1)
        return [
            Cell(str(case.number), f"/cases/{case.number}"),
            Cell(word(request, f"state.{case.state}"), tone=_tone(case.state)),
            Cell(self._called(request, case)),
            Cell(str(one.ratings)),
            Cell(self._calendar.shown(case.opened_at)),
            Cell(word(request, "cases.overdue", day=due) if late else due, tone="bad" if late else ""),
            Cell(word(request, f"level.{case.level}"), tone="" if case.level == "township" else "warn"),
            Cell(case.assignee or ""),
        ]

    def _called(self, request: Request, case: Case) -> str:
        return self._registry().called(case.window, language_of(request))


def about_contact(case: Case, person: Person, masked: contacts.Left | None) -> list[Deed]:
    """What `person` can do now with the contact of `case`, of which there is none where nothing is `masked`."""
    if person.role not in MAY_CONTACT:
        return []
    there: list[Deed] = [] if masked is None else ["read_contact", "delete_contact"]
    return ["leave_contact", *there] if case.open else there


def _tone(state: State) -> Tone:
    if state == "new":
        return "bad"
    if state in {"closed", "unfounded"}:
        return "quiet"
    return "good" if state in {"replied", "revisited"} else "warn"
