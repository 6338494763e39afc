"""The invitation to rate: a service was finished at a window."""

import msgspec

from contract.batch import Millis, NodeName
from contract.config import WindowName


class Prompt(msgspec.Struct, frozen=True, tag_field="kind", tag="prompt", omit_defaults=True):
    """An invitation at `window` of `node`, for service `item`, with a `token` that ties the rating to the visit."""

    node: NodeName
    window: WindowName
    token: str
    at: Millis
    item: str | None = None
