"""Where a gateway serves the township's own pages."""

from typing import Annotated

import msgspec


class Web(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`http://host:port/`; nothing is served unless a settings file has it.

    `names`: by which names or addresses, besides `host` and those of this machine alone, a browser may ask; where
    `host` is 0.0.0.0, that of the gateway in the hall's network.
    """

    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    host: Annotated[str, msgspec.Meta(min_length=1)] = "127.0.0.1"
    names: list[Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.-]+$")]] = []
