"""The form beneath the thanks for a dissatisfied rating, and what becomes of it. No script."""

import logging
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from cloud.console.screens import Screens, language_of
from cloud.contacts import policy
from cloud.reasons.desk import ReasonDesk
from cloud.reasons.rules import FIELDS, LEAVE_MS, MOST_TEXT, REASONS, STATUS, NotLeft, left_of
from cloud.registry.snapshot import Registry
from contract.errors import Unavailable
from contract.identity import window_id

logger = logging.getLogger(__name__)

# More than any page of ours sends; what is too long for us is told kindly.
_Text = Annotated[str, Form(max_length=4_000)]
_Short = Annotated[str, Form(max_length=100)]
_Receipt = Annotated[str, Form(min_length=20, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class Pages:
    """Leaves at `desk`; `registry` is asked at each request, `now` is the city's time in ms."""

    def __init__(
        self, desk: ReasonDesk, screens: Screens, *, registry: Callable[[], Registry], now: Callable[[], int]
    ) -> None:
        self._desk = desk
        self._screens = screens
        self._registry = registry
        self._now = now

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/r/{node}/{window}/reason", self.leave, methods=["POST"])
        return pages

    async def leave(
        self,
        request: Request,
        node: str,
        window: str,
        receipt: _Receipt,
        reason: _Short = "",
        text: _Text = "",
        telephone: _Short = "",
        consent: _Short = "",
    ) -> Response:
        """Keep what was left and say so; or say kindly why not, with all that was typed."""
        name = window_id(node, window)
        if not self._registry().has_window(name, self._now()):
            return self._screens.page(request, "phone_thanks.html", status=404, called="", said="phone.nowhere")
        typed = {"reason": reason, "text": text, "telephone": telephone, "consent": consent}
        # Nothing is left yet: the form is wanted once more, in another language.
        if "again" in request.query_params:
            return self.thanks(request, name, receipt, typed=typed)
        try:
            await self._desk.leave(name, receipt, left_of(reason, text, telephone, consent=bool(consent)))
        except NotLeft as bad:
            why, field = f"why.{bad.why}", FIELDS.get(bad.why, "")
            # Where there is nothing to mend there is no form.
            again = receipt if field else ""
            return self.thanks(
                request, name, again, status=STATUS.get(bad.why, 400), wrong=why, field=field, typed=typed
            )
        except Unavailable as away:
            logger.warning("what a citizen left was not kept: %s", away)
            return self.thanks(request, name, receipt, status=503, wrong="why.away", typed=typed)
        return self.thanks(request, name, "", left=True)

    def thanks(
        self,
        request: Request,
        window: str,
        receipt: str,
        *,
        status: int = 200,
        left: bool = False,
        wrong: str = "",
        field: str = "",
        typed: dict[str, str] | None = None,
    ) -> Response:
        """Thank for a rating of `window`; with the form where there is a `receipt` by which something may be left.

        `left`: something was. `wrong`: the key of the words for what is wrong with the `field` that was `typed` in.
        """
        return self._screens.page(
            request,
            "phone_thanks.html",
            status=status,
            here=f"/r/{window}",
            called=self._registry().called(window, language_of(request)),
            receipt=receipt,
            left=left,
            wrong=wrong,
            field=field,
            typed=typed or {"reason": "", "text": "", "telephone": "", "consent": ""},
            window=window,
            reasons=REASONS,
            most=MOST_TEXT,
            minutes=LEAVE_MS // 60_000,
            days=policy.shipped().contact_days,
        )
