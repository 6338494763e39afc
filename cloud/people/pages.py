"""The pages by which people come in and go out."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import RedirectResponse

from cloud.console.screens import Screens
from cloud.door.allowances import Allowances
from cloud.door.asker import visitor_of
from cloud.door.door import SESSION, set_cookie
from cloud.oidc.rules import word_of
from cloud.people.entry import Barred, Entry
from cloud.people.rules import LONGEST_MS

HOME = "/desk"
# An office's machines may share one address: thirty people at eight in the morning, and then one every two seconds.
BURST, EVERY_S = 30, 2.0

Text = Annotated[str, Form(max_length=300)]


class Pages:
    """`label`: what the identity provider is called (`Office`). `monotonic` counts seconds."""

    def __init__(
        self, entry: Entry, screens: Screens, *, monotonic: Callable[[], float], label: str | None = None
    ) -> None:
        self._entry = entry
        self._label = label
        self._screens = screens
        self._allowed = Allowances(monotonic, burst=BURST, every_s=EVERY_S)

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/", self.start)
        pages.add_api_route("/login", self.login)
        pages.add_api_route("/login", self.come_in, methods=["POST"])
        pages.add_api_route("/logout", self.go_out, methods=["POST"])
        pages.add_api_route("/welcome", self.welcome)
        pages.add_api_route("/welcome", self.set_password, methods=["POST"])
        return pages

    async def start(self, request: Request) -> Response:
        """Lead to what the asker begins with: a wall to the wall, people to their desk."""
        visitor = visitor_of(request)
        return RedirectResponse("/wall" if visitor is not None and visitor.csrf is None else HOME, 303)

    async def login(self, request: Request, next: str = HOME, said: str = "") -> Response:  # noqa: A002  (the word in the address)
        """Ask for name and password; `said`: with what somebody is back from the identity provider."""
        return self._login_page(request, own(next), word=word_of(said))

    async def come_in(
        self,
        request: Request,
        name: Text,
        password: Text,
        next: Text = HOME,  # noqa: A002
    ) -> Response:
        """Let in whoever knows the password."""
        target = own(next)
        if not self._patient(request):
            return self._login_page(request, target, name=name, word="login.patience", status=429)
        try:
            return _opened(request, await self._entry.come_in(name.strip(), password), target)
        except Barred as barred:
            return self._login_page(request, target, name=name, word=barred.word, status=403)

    async def go_out(self, request: Request) -> Response:
        """End the session."""
        visitor = visitor_of(request)
        if visitor is not None:
            await self._entry.go_out(visitor)
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(SESSION, path="/")
        return answer

    async def welcome(self, request: Request, link: str = "", said: str = "") -> Response:
        """Ask whoever has a one-time link for a password of their own; `said` as at the login."""
        owner = await self._entry.linked(link)
        return self._link_page(request, owner, link, "link.over" if owner is None else word_of(said))

    async def set_password(
        self,
        request: Request,
        link: Text,
        password: Text,
        again: Text,
        name: Text = "",
        called: Text = "",
    ) -> Response:
        """Set the password and let in."""
        word = "login.patience" if not self._patient(request) else "link.differ" if password != again else ""
        if not word:
            try:
                secret = await self._entry.set_password(link, password, name=name, called=called)
                return _opened(request, secret, HOME)
            except Barred as barred:
                word = barred.word
        owner = await self._entry.linked(link)
        return self._link_page(request, owner, link, word, name=name, called=called)

    def _patient(self, request: Request) -> bool:
        return self._allowed.take(request.client.host if request.client else "")

    def _login_page(
        self, request: Request, target: str, *, name: str = "", word: str = "", status: int = 200
    ) -> Response:
        facts = {"next": target, "name": name, "word": word, "label": self._label}
        return self._screens.page(request, "login.html", status=status, **facts)

    def _link_page(
        self, request: Request, owner: str | None, link: str, word: str, *, name: str = "", called: str = ""
    ) -> Response:
        facts = {
            "owner": owner,
            "link": link,
            "word": word,
            "name": name,
            "called": called,
            "label": self._label,
        }
        return self._screens.page(request, "welcome.html", status=400 if word else 200, **facts)


def own(target: str) -> str:
    """Return `target` where it is a page of the city's own; a link must not lead a person elsewhere after the login."""
    # Browsers leave out what is not printable, and then find two slashes where there were none.
    inner = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if inner else HOME


def _opened(request: Request, secret: str, target: str) -> Response:
    answer = RedirectResponse(target, 303)
    set_cookie(request, answer, SESSION, secret, LONGEST_MS // 1000)
    return answer
