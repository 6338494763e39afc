"""The administrator's page on the keys of walls and programs."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import RedirectResponse

from cloud.changes import store as changes
from cloud.console.listing import Cell, Column, Listing
from cloud.door.asker import asker_of
from cloud.hours.rules import CITY
from cloud.people import sessions, tokens
from cloud.people.office import Office
from cloud.people.rules import ROLES, person_of
from cloud.people.secret import digest, fresh
from cloud.people.sessions import Token
from contract.errors import SettingsError

Text = Annotated[str, Form(max_length=300)]
_COLUMNS = (Column("keys.name"), Column("keys.role"), Column("keys.place"), Column("keys.state"), Column("keys.since"))


class Pages:
    """The pages, by what an administrator works with."""

    def __init__(self, office: Office) -> None:
        self._database, self._visitors, self._screens, self._shown, self._now, self._random_bits, _ = office

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/keys", self.keys)
        pages.add_api_route("/keys", self.make, methods=["POST"])
        pages.add_api_route("/keys/{name}/end", self.end, methods=["POST"])
        return pages

    async def keys(self, request: Request) -> Response:
        """List every key by its name."""
        return await self._keys(request)

    async def make(self, request: Request, name: Text, role: Text, place: Text) -> Response:
        """Make a key, and show it this once."""
        try:
            wanted = person_of(name.strip(), role, place.strip())
        except SettingsError as bad:
            return await self._keys(request, said=str(bad))
        key = fresh(self._random_bits)
        async with self._database.writer.begin() as connection:
            taken = await sessions.known_token(connection, wanted.name) is not None
            if not taken:
                await tokens.add(connection, wanted, digest(key), self._now(), by=asker_of(request).person.name)
        if taken:
            return await self._keys(request, said=self._screens.word(request, "keys.taken"))
        wall = str(request.url.replace(path="/wall", query=f"key={key}")) if role == "wall" else ""
        return await self._keys(request, key=key, made=wanted.name, wall=wall)

    async def end(self, request: Request, name: str) -> Response:
        """End a key: whoever still has it is refused within seconds."""
        by = asker_of(request).person.name
        async with self._database.writer.begin() as connection:
            await sessions.end_token(connection, name, self._now())
            await changes.note(connection, self._now(), by, "end-key", name, CITY)
        self._visitors.forget()
        return RedirectResponse("/keys", 303)

    async def _keys(
        self, request: Request, *, said: str = "", key: str = "", made: str = "", wall: str = ""
    ) -> Response:
        async with self._database.reader.connect() as connection:
            every = await sessions.tokens(connection)
        rows = [self._row(request, one) for one in every]
        return self._screens.listed(
            request,
            "keys.html",
            Listing("keys", _COLUMNS, rows),
            status=400 if said else 200,
            roles=ROLES,
            said=said,
            key=key,
            made=made,
            wall=wall,
            holding=[one for one in every if self._holds(one)],
        )

    def _row(self, request: Request, one: Token) -> list[Cell]:
        word, holds = self._screens.word, self._holds(one)
        return [
            Cell(one.name),
            Cell(word(request, f"role.{one.role}")),
            Cell(one.place),
            Cell(word(request, "keys.active" if holds else "keys.ended"), tone="" if holds else "quiet"),
            Cell(self._shown(one.created_at)),
        ]

    def _holds(self, one: Token) -> bool:
        return one.ends_at is None or one.ends_at > self._now()
