"""The invitation to rate: a service was finished at a window. And what the node says became of it."""

from typing import Annotated, Literal

import msgspec

from contract.batch import Millis, NodeName
from contract.config import WindowName
from contract.rating import Item, Token

MAX_WAIT_MS = 600_000

# shown: it is being shown, and nobody has rated yet. rated: a rating with its token is on the node's disk. silent: it
# was shown for its whole time, or until the next one at that window, and nobody rated. unknown: this run of the node's
# process has not shown it, or cannot say what became of it.
Standing = Literal["shown", "rated", "silent", "unknown"]


class Prompt(msgspec.Struct, frozen=True, tag_field="kind", tag="prompt", omit_defaults=True):
    """An invitation at `window` of `node`, for service `item`, with a `token` that ties the rating to the visit.

    It is shown for `wait_ms`, counted from `at`, when it was sent (null: the gateway does not know the time; then from
    its arrival). With 0 nothing is shown: it asks what became of the one with that token.
    """

    node: NodeName
    window: WindowName
    token: Token
    wait_ms: Annotated[int, msgspec.Meta(ge=0, le=MAX_WAIT_MS)]
    at: Millis | None = None
    item: Item | None = None


class Answer(msgspec.Struct, frozen=True, tag_field="kind", tag="answer"):
    """What `became` of the prompt with this `token` at `node`, as far as the node knows at this moment."""

    node: NodeName
    token: Token
    became: Standing
