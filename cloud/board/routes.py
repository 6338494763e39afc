"""The board over HTTP: once, or as a stream."""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse

from cloud.board.picture import Diff, Picture, Tick
from cloud.board.stream import CLIENTS, Stream
from cloud.openapi import REF, answer, described, problem, problems
from cloud.openapi import stream as events

STREAM = """Server-sent events: `snapshot` (a whole picture) first, or the diffs after `Last-Event-ID` where they are
all still kept; then `diff` (what changed; merge `counties` and `townships` by key, replace every other key) at most
four times a second; `tick` every second."""
STALE = "this process does not see the ledger's commits at present; try another one, or again in a second"
_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string"},
        "event": {"enum": ["snapshot", "diff", "tick"]},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"anyOf": [{"$ref": REF.format(name=one.__name__)} for one in (Picture, Diff, Tick)]},
        },
    },
}
EVENTS = {"description": STREAM, "content": {"text/event-stream": {"itemSchema": _EVENT}}}


def router(stream: Stream) -> APIRouter:
    """Return the routes on `stream`."""
    board = APIRouter(tags=["board"])

    @board.get(
        "/api/board",
        responses={**described(Picture, "What the wall shows now"), **problems(_503=STALE)},
        response_class=Response,
    )
    async def whole_board() -> Response:
        """Return all that the wall shows."""
        return answer(stream.picture()) if stream.current() else problem(503, STALE)

    @board.get(
        "/api/stream",
        response_class=StreamingResponse,
        responses={200: EVENTS, **problems(_503=f"Too many open streams; or: {STALE}")},
    )
    async def open_stream(last_event_id: Annotated[str | None, Header()] = None) -> Response:
        """Follow the board."""
        if not stream.current():
            return problem(503, STALE)
        if stream.clients >= CLIENTS:
            return problem(503, f"{CLIENTS} streams are open already")
        return events(stream.follow(last_event_id))

    return board
