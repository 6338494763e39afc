"""The page on one's own account."""

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from cloud.door.asker import asker_of
from cloud.oidc import store
from cloud.oidc.rules import word_of
from cloud.people import accounts
from cloud.people.office import Office


def router(office: Office) -> APIRouter:
    """Return the page."""
    pages = APIRouter(include_in_schema=False)

    @pages.get("/account")
    async def account(request: Request, said: str = "") -> Response:
        name = asker_of(request).person.name
        async with office.database.reader.connect() as connection:
            found = await accounts.named(connection, name)
            bound_at = await store.bound_at(connection, name)
        if found is None:
            # A program's key is no account.
            return RedirectResponse("/desk", 303)
        word = word_of(said)
        return office.screens.page(
            request, "own_account.html", account=found, bound_at=bound_at, label=office.label, word=word
        )

    return pages
