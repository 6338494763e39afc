"""A gateway's settings file."""

import re
from typing import Annotated

import msgspec

from contract.config import RosterNode, TownshipCode
from contract.identity import whole
from gateway.visits.settings import Visits
from gateway.web.settings import Web
from transport.broker import Broker
from transport.log import Form
from transport.renewal import CityUrl
from transport.scrape import Scrape

GatewayName = Annotated[str, msgspec.Meta(pattern=whole(re.compile("[a-z0-9]{1,16}")))]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`store`: the journal's file; `key`: the file of this gateway's private key; `city_key`: the city's public key.

    The gateway's own name on the wire is `{township}-{name}`. `roster` serves until the city's own arrives. Where
    several townships share one `node_broker`, `shared_broker` makes the gateway listen to its own roster only.
    `log` is the form of what it says on stderr. With `metrics` it answers Prometheus there. With `city_url`,
    the address of the city's pages, its certificate renews itself. With `web` it serves the hall's pages there,
    and with `visits` it is told there what was finished at a window.
    """

    township: TownshipCode
    store: str
    key: str
    city_key: str
    node_broker: Broker
    city_broker: Broker
    name: GatewayName = "g0"
    roster: list[RosterNode] = []
    shared_broker: bool = False
    heartbeat_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 60.0
    log: Form = "json"
    metrics: Scrape | None = None
    city_url: CityUrl | None = None
    web: Web | None = None
    visits: Visits | None = None

    @property
    def node(self) -> str:
        """This gateway's name on the wire."""
        return f"{self.township}-{self.name}"
