"""The administrator's pages on accounts."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import RedirectResponse

from cloud.changes import store as changes
from cloud.console.listing import Cell, Column, Listing
from cloud.door.asker import asker_of
from cloud.hours.rules import CITY
from cloud.oidc import store as subjects
from cloud.people import accounts, sessions
from cloud.people.accounts import Account, Holder
from cloud.people.inviting import invite
from cloud.people.office import Office
from cloud.people.rules import ROLES, mailbox_of, person_of
from contract.errors import SettingsError

Text = Annotated[str, Form(max_length=300)]
_COLUMNS = (
    Column("people.name"),
    Column("people.called"),
    Column("people.role"),
    Column("people.place"),
    Column("people.state"),
    Column("people.since"),
    Column("people.identity"),
)


class Pages:
    """The pages, by what an administrator works with."""

    def __init__(self, office: Office) -> None:
        self._database, self._visitors, self._screens, self._shown, self._now, self._random_bits, _ = office

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/people", self.people)
        pages.add_api_route("/people", self.put, methods=["POST"])
        pages.add_api_route("/people/{name}", self.account)
        pages.add_api_route("/people/{name}/end", self.end, methods=["POST"])
        pages.add_api_route("/people/{name}/resume", self.resume, methods=["POST"])
        pages.add_api_route("/people/{name}/unbind", self.unbind, methods=["POST"])
        return pages

    async def people(self, request: Request) -> Response:
        """List every account."""
        return await self._people(request)

    async def put(
        self, request: Request, name: Text, called: Text, role: Text, place: Text, person: Text = "", mail: Text = ""
    ) -> Response:
        """Make an account, or change it, and show its one-time link."""
        try:
            wanted = person_of(name.strip(), role, place.strip())
            box = mailbox_of(mail.strip())
        except SettingsError as bad:
            return await self._people(request, said=str(bad))
        async with self._database.writer.begin() as connection:
            secret = await invite(
                connection,
                wanted,
                Holder(called.strip() or wanted.name, person.strip() or None, box),
                now=self._now(),
                random_bits=self._random_bits,
                by=asker_of(request).person.name,
            )
        self._visitors.forget()
        link = str(request.url.replace(path="/welcome", query=f"link={secret}"))
        return await self._people(request, link=link, made=wanted.name)

    async def account(self, request: Request, name: str) -> Response:
        """Show one account."""
        return await self._account(request, name)

    async def end(self, request: Request, name: str) -> Response:
        """End an account and its sessions."""
        by = asker_of(request).person.name
        if by == name:
            return await self._account(request, name, word="people.not_yourself")
        async with self._database.writer.begin() as connection:
            await accounts.end(connection, name, self._now())
            await sessions.end_all(connection, name)
            await changes.note(connection, self._now(), by, "end-account", name, CITY)
        self._visitors.forget()
        return RedirectResponse(f"/people/{name}", 303)

    async def resume(self, request: Request, name: str) -> Response:
        """Let the holder of an ended account in again."""
        by = asker_of(request).person.name
        async with self._database.writer.begin() as connection:
            await accounts.resume(connection, name)
            await changes.note(connection, self._now(), by, "resume-account", name, CITY)
        return RedirectResponse(f"/people/{name}", 303)

    async def unbind(self, request: Request, name: str) -> Response:
        """Take from an account what the identity provider knows its holder by, and end its sessions."""
        by = asker_of(request).person.name
        if by == name:
            # Perhaps it is the last way in that there is.
            return await self._account(request, name, word="people.not_unbind")
        async with self._database.writer.begin() as connection:
            # Held first: whoever comes in at the same time is in before, and out by this, or finds nothing bound.
            await accounts.hold(connection, name)
            if await subjects.unbind(connection, name):
                await sessions.end_all(connection, name)
                await changes.note(connection, self._now(), by, "unbind-subject", name, CITY)
        self._visitors.forget()
        return RedirectResponse(f"/people/{name}", 303)

    async def _people(self, request: Request, *, said: str = "", link: str = "", made: str = "") -> Response:
        async with self._database.reader.connect() as connection:
            every = await accounts.every(connection)
            bound = await subjects.names(connection)
        rows = [self._row(request, one, bound=one.name in bound) for one in every]
        return self._screens.listed(
            request,
            "people.html",
            Listing("people", _COLUMNS, rows),
            status=400 if said else 200,
            roles=[role for role in ROLES if role != "wall"],
            said=said,
            link=link,
            made=made,
        )

    def _row(self, request: Request, one: Account, *, bound: bool) -> list[Cell]:
        word = self._screens.word
        return [
            Cell(one.name, f"/people/{one.name}"),
            Cell(one.called),
            Cell(word(request, f"role.{one.role}")),
            Cell(one.place),
            Cell(word(request, state_of(one, self._now(), bound=bound)), tone="" if one.ended_at is None else "quiet"),
            Cell(self._shown(one.created_at)),
            Cell(word(request, "people.bound") if bound else ""),
        ]

    async def _account(self, request: Request, name: str, *, word: str = "") -> Response:
        async with self._database.reader.connect() as connection:
            account = await accounts.named(connection, name)
            bound_at = await subjects.bound_at(connection, name)
        if account is None:
            return RedirectResponse("/people", 303)
        return self._screens.page(
            request,
            "account.html",
            here=f"/people/{name}",
            status=400 if word else 200,
            account=account,
            state=state_of(account, self._now(), bound=bound_at is not None),
            bound_at=bound_at,
            word=word,
        )


def state_of(account: Account, now: int, *, bound: bool) -> str:
    """Return the key of the word for the state of `account` at `now` (ms); `bound`: an identity provider lets it in."""
    if account.ended_at is not None:
        return "people.ended"
    if account.is_locked(now):
        return "people.locked"
    return "people.active" if account.password is not None or bound else "people.invited"
