"""Where a node or a gateway answers Prometheus."""

from typing import Annotated

import msgspec


class Scrape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`http://host:port/metrics`, without a login: figures of the machine, nothing about a rating."""

    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    host: Annotated[str, msgspec.Meta(min_length=1)] = "127.0.0.1"
