"""The pages on importing: choosing a file, what it would change, and doing that."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request, Response, UploadFile
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import RedirectResponse

from cloud.calendar import Calendar
from cloud.console.listing import Cell, Column, Listing, Tone
from cloud.console.screens import Screens
from cloud.console.words import LANGUAGES, Words
from cloud.door.asker import asker_of
from cloud.imports import store
from cloud.imports.cells import ALLOWED
from cloud.imports.columns import COLUMNS, EXAMPLES, KINDS, Kind
from cloud.imports.differences import Difference, Verdict
from cloud.imports.importer import MOST_BYTES, Faulty, Importer, Unplanned
from cloud.imports.reading import Reader
from cloud.imports.rules import Fault
from cloud.imports.store import Plan
from cloud.openapi import problem
from cloud.registry import store as registry
from contract.errors import SettingsError

PAGE = 50
# So many lines of a plan stand on the screen; all of them are in its export.
MOST_SHOWN = 500
_NEWEST = 1 << 53
_PLANS = (
    Column("imports.number", number=True),
    Column("imports.kind"),
    Column("imports.file"),
    Column("imports.who"),
    Column("imports.at"),
    Column("imports.added", number=True),
    Column("imports.changed", number=True),
    Column("imports.state"),
)
_DIFFERENCES = (
    Column("imports.row", number=True),
    Column("imports.verdict"),
    Column("imports.table"),
    Column("imports.subject"),
    Column("imports.change"),
)
_FAULTS = (Column("imports.row", number=True), Column("imports.column"), Column("imports.wrong"))
_TONES: Mapping[Verdict, Tone] = {"added": "good", "changed": "warn", "same": "quiet", "removed": "bad"}
_STATUS = {"unknown": 404, "applied": 409, "changed": 409}
Number = Annotated[int, Path(ge=1, le=_NEWEST)]


def headings() -> Mapping[str, str]:
    """By each heading of a column, in small letters, its word's key."""
    words = Words()
    columns = {column.word for some in COLUMNS.values() for column in some}
    return {words(word, language).lower(): word for word in columns for language in LANGUAGES}


class Pages:
    """`calendar` writes moments as the city's clocks show them."""

    def __init__(self, reader: AsyncEngine, importer: Importer, screens: Screens, calendar: Calendar) -> None:
        self._reader = reader
        self._importer = importer
        self._screens = screens
        self._calendar = calendar

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/imports", self.imports)
        pages.add_api_route("/imports", self.plan, methods=["POST"])
        pages.add_api_route("/imports/template/{kind}", self.template)
        pages.add_api_route("/imports/old/drop", self.drop_old, methods=["POST"])
        pages.add_api_route("/imports/{number}", self.one)
        pages.add_api_route("/imports/{number}/apply", self.apply, methods=["POST"])
        pages.add_api_route("/imports/{number}/drop", self.drop, methods=["POST"])
        return pages

    async def imports(self, request: Request, before: Annotated[int, Query(ge=1, le=_NEWEST)] = _NEWEST) -> Response:
        """List the plans, the newest first, and ask for a file."""
        return await self._imports(request, before=before)

    async def plan(self, request: Request, kind: Annotated[Kind, Form()], file: UploadFile) -> Response:
        """Show what a file would change."""
        # Browsers give the name alone; whatever else comes is cut to it.
        name = PurePath((file.filename or "").replace("\\", "/")).name[-200:] or "?"
        raw = await file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            return await self._imports(
                request, kind=kind, said=self._screens.word(request, "imports.too_long"), status=413
            )
        try:
            plan = await self._importer.plan(kind, name, raw, asker_of(request).person.name)
        except Faulty as wrong:
            return await self._imports(request, kind=kind, faults=wrong.faults, file=name)
        except SettingsError as bad:
            return await self._imports(request, kind=kind, said=self._screens.word(request, "imports.refused", why=bad))
        return RedirectResponse(f"/imports/{plan.number}", 303)

    async def template(self, request: Request, kind: Kind) -> Response:
        """Give an empty table of `kind` with its headings, and an example to be replaced."""
        columns = [Column(column.word) for column in COLUMNS[kind]]
        return self._screens.exported(request, Listing(kind, columns, [[Cell(text) for text in EXAMPLES[kind]]]))

    async def one(self, request: Request, number: Number) -> Response:
        """Show plan `number`."""
        return await self._one(request, number)

    async def apply(self, request: Request, number: Number) -> Response:
        """Do what plan `number` says."""
        try:
            await self._importer.apply(number, asker_of(request).person.name)
        except Unplanned as refused:
            if refused.why == "unknown":
                return problem(404, f"there is no plan {number}")
            word = "imports.refused_applied" if refused.why == "applied" else "imports.refused_changed"
            return await self._one(request, number, word=word)
        return RedirectResponse(f"/imports/{number}", 303)

    async def drop(self, request: Request, number: Number) -> Response:
        """Throw plan `number` away."""
        if not await self._importer.drop(number, asker_of(request).person.name):
            return await self._one(request, number, word="imports.refused_applied")
        return RedirectResponse("/imports", 303)

    async def drop_old(self, request: Request) -> Response:
        """Throw away every plan that cannot be applied any more."""
        await self._importer.drop_old(asker_of(request).person.name)
        return RedirectResponse("/imports", 303)

    async def _imports(
        self,
        request: Request,
        *,
        before: int = _NEWEST,
        kind: Kind | None = None,
        said: str = "",
        faults: Sequence[Fault] = (),
        file: str = "",
        status: int = 400,
    ) -> Response:
        async with self._reader.connect() as connection:
            plans = await store.page(connection, before, PAGE)
            version = await registry.version(connection)
        more = f"/imports?before={plans[-1].number}" if len(plans) == PAGE else None
        listing = Listing("imports", _PLANS, [self._row(request, plan, version) for plan in plans], more)
        wrong = Listing("faults", _FAULTS, [self._fault(request, fault) for fault in faults[:MOST_SHOWN]])
        return self._screens.listed(
            request,
            "imports.html",
            listing,
            status=status if said or faults else 200,
            kinds=KINDS,
            kind=kind,
            said=said,
            wrong=wrong,
            faults=len(faults),
            shown=len(wrong.rows),
            file=file,
            old=any(plan.applied_at is None and plan.version != version for plan in plans),
        )

    async def _one(self, request: Request, number: int, *, word: str = "") -> Response:
        async with self._reader.begin() as connection:
            plan = await store.one(connection, number)
            if plan is None:
                return problem(404, f"there is no plan {number}")
            _, found = await store.content(connection, number)
            version = await registry.version(connection)
        # What changes is read first; on the screen what stays as it is stands behind it.
        found.sort(key=lambda one: one.verdict == "same")
        whole = request.query_params.get("as") == "csv"
        reader = Reader(partial(self._screens.word, request), self._calendar.shown)
        rows = [self._difference(request, reader, one) for one in (found if whole else found[:MOST_SHOWN])]
        return self._screens.listed(
            request,
            "plan.html",
            Listing(f"import-{number}", _DIFFERENCES, rows),
            status=409 if word else 200,
            plan=plan,
            here=f"/imports/{number}",
            state=_state(plan, version),
            shown=len(rows),
            total=len(found),
            word=word,
        )

    def _row(self, request: Request, plan: Plan, version: int) -> list[Cell]:
        word, state = self._screens.word, _state(plan, version)
        return [
            Cell(str(plan.number), f"/imports/{plan.number}"),
            Cell(word(request, f"imports.kind_{plan.kind}")),
            Cell(plan.file),
            Cell(plan.who),
            Cell(self._calendar.shown(plan.at)),
            Cell(str(plan.added)),
            Cell(str(plan.changed)),
            Cell(word(request, state), tone="warn" if state == "imports.waiting" else "quiet"),
        ]

    def _difference(self, request: Request, reader: Reader, one: Difference) -> list[Cell]:
        word = self._screens.word
        return [
            Cell(str(one.row or "—")),
            Cell(word(request, f"imports.is_{one.verdict}"), tone=_TONES[one.verdict]),
            Cell(word(request, f"table.{one.table}")),
            Cell(reader.subject(one)),
            Cell(reader.change(one)),
        ]

    def _fault(self, request: Request, fault: Fault) -> list[Cell]:
        word = self._screens.word
        figures = dict(fault.figures)
        if "begin" in figures:
            figures["begin"] = self._calendar.shown(int(str(figures["begin"])))
        said = word(request, fault.word, **figures)
        if fault.word in ALLOWED.values():
            said = word(request, "imports.not_so" if figures["text"] else "imports.missing", allowed=said, **figures)
        return [Cell(str(fault.row)), Cell(word(request, fault.column) if fault.column else ""), Cell(said)]


def _state(plan: Plan, version: int) -> str:
    """Return the key of the word for the state that `plan` is in while the registry is at `version`."""
    if plan.applied_at is not None:
        return "imports.applied"
    return "imports.waiting" if plan.version == version else "imports.overtaken"
