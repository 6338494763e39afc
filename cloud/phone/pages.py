"""What a citizen's telephone sees: one page of a window, and what becomes of it. No script; any browser shows it."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response

from cloud.console.screens import Screens, language_of
from cloud.people.secret import fresh
from cloud.phone.desk import PhoneDesk
from cloud.phone.rules import NotTaken
from cloud.registry.snapshot import Registry
from contract.errors import Unavailable
from contract.identity import PHONE, window_id
from contract.rating import Level

# As typed: with spaces, perhaps.
Code = Annotated[str, Form(max_length=20)]
Receipt = Annotated[str, Form(min_length=20, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
# Thanks for a rating of a window; with a receipt, a reason may be left by it.
Thanks = Callable[[Request, str, str], Response]
_STATUS = {"patience": 429, "used": 409}


class Pages:
    """The pages, by where ratings are taken and what gives `thanks` then.

    `registry` is asked at each request, `now` is the city's time in ms.
    """

    def __init__(
        self,
        desk: PhoneDesk,
        screens: Screens,
        thanks: Thanks,
        *,
        registry: Callable[[], Registry],
        now: Callable[[], int],
        random_bits: Callable[[int], int],
    ) -> None:
        self._desk = desk
        self._screens = screens
        self._thanks = thanks
        self._registry = registry
        self._now = now
        self._random_bits = random_bits

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/r/{node}/{window}", self.ask)
        pages.add_api_route("/r/{node}/{window}", self.rate, methods=["POST"])
        return pages

    async def ask(
        self, request: Request, node: str, window: str, c: Annotated[str, Query(max_length=20)] = ""
    ) -> Response:
        """Ask how it was at a window; `c`: the code, where a screen's picture brought it."""
        return self._page(request, window_id(node, window), code=c)

    async def rate(
        self,
        request: Request,
        node: str,
        window: str,
        code: Code,
        level: Annotated[Level, Form()],
        receipt: Receipt,
    ) -> Response:
        """Take the rating, and thank; or say kindly why not."""
        name = window_id(node, window)
        if not self._open(name):
            return self._page(request, name)
        try:
            counted = await self._desk.rate(name, level, code, receipt)
        except NotTaken as bad:
            kept = "" if bad.why == "used" else code
            return self._page(request, name, code=kept, said=f"phone.{bad.why}", status=_STATUS.get(bad.why, 403))
        except Unavailable:
            return self._page(request, name, code=code, said="phone.away", receipt=receipt, status=503)
        return self._thanks(request, name, receipt if counted == Level.DISSATISFIED else "")

    def _page(
        self, request: Request, window: str, *, code: str = "", said: str = "", receipt: str = "", status: int = 200
    ) -> Response:
        if not self._open(window):
            if not self._registry().has_window(window, self._now()):
                return self._screens.page(request, "phone_thanks.html", status=404, called="", said="phone.nowhere")
            return self._screens.page(request, "phone_thanks.html", status=503, called="", said="phone.not_yet")
        return self._screens.page(
            request,
            "phone.html",
            status=status,
            called=self._called(request, window),
            code=code,
            said=said,
            receipt=receipt or fresh(self._random_bits),
        )

    def _open(self, window: str) -> bool:
        registry = self._registry()
        node = window.partition("/")[0]
        return registry.has_window(window, self._now()) and bool(registry.keys(f"{node}.{PHONE}"))

    def _called(self, request: Request, window: str) -> str:
        return self._registry().called(window, language_of(request))
