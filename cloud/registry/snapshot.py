"""The registry as everybody looks at it: an immutable snapshot with dictionary look-ups. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Literal, NamedTuple

from cloud.hours.rules import CITY, NOTHING, Registered
from contract.identity import BUTTON, channel_of, counter_of, county_of, township_of
from contract.keys import Key

Kind = Literal["node", "gateway"]


class Place(NamedTuple):
    """A township (9 digits) or county (6 digits) with its names in Chinese and English, long and short."""

    code: str
    zh: str
    en: str
    short_zh: str
    short_en: str


class County(NamedTuple):
    """A county and its townships, by code."""

    place: Place
    townships: tuple[Place, ...]


class RegisteredNode(NamedTuple):
    """A node or gateway under one key (32 raw bytes), valid from `valid_from` until before `valid_to`, ms."""

    node: str
    kind: Kind
    township: str
    key: bytes
    valid_from: int
    valid_to: int | None


class RegisteredWindow(NamedTuple):
    """A window by its city-wide name `id`, valid from `valid_from` until before `valid_to`, ms."""

    id: str
    valid_from: int
    valid_to: int | None


class RegisteredConfig(NamedTuple):
    """A node's set-up: the JSON of a `contract.config.NodeConfig`, as it will be signed, and when it was given (ms)."""

    node: str
    body: bytes
    version: int = 0
    given_at: int = 0


class Registry:
    """All that was registered at `version`, by name. `places` are those valid when it was loaded."""

    __slots__ = (
        "_keys", "_newest", "_periods",
        "configs", "counties", "gateways", "nodes", "offices", "places", "townships", "version",
    )  # fmt: skip

    def __init__(
        self,
        version: int = 0,
        *,
        counties: Iterable[County] = (),
        nodes: Iterable[RegisteredNode] = (),
        windows: Iterable[RegisteredWindow] = (),
        configs: Iterable[RegisteredConfig] = (),
        offices: Registered = NOTHING,
    ) -> None:
        """Index everything by name. A node may have several keys and a window several periods, one after the other."""
        self.version = version
        self.counties: tuple[County, ...] = tuple(counties)
        self.places: Mapping[str, Place] = {
            place.code: place for county in self.counties for place in (county.place, *county.townships)
        }
        self.townships: frozenset[str] = frozenset(p.code for county in self.counties for p in county.townships)
        self._keys: dict[str, tuple[Key, ...]] = {}
        newest: dict[str, RegisteredNode] = {}
        for known in sorted(nodes, key=lambda node: node.valid_from, reverse=True):
            # What a new key signs may have been pressed before it was registered.
            self._keys[known.node] = (*self._keys.get(known.node, ()), Key(known.key, known.valid_to))
            newest.setdefault(known.node, known)
        self._newest: Mapping[str, RegisteredNode] = newest
        # The devices; who speaks for their windows by another channel is the city itself.
        self.nodes: Mapping[str, RegisteredNode] = {
            name: one for name, one in newest.items() if one.kind == "node" and channel_of(name) == BUTTON
        }
        self.gateways: Mapping[str, RegisteredNode] = {n: one for n, one in newest.items() if one.kind == "gateway"}
        periods: defaultdict[str, list[tuple[int, int | None]]] = defaultdict(list)
        for window in windows:
            periods[window.id].append((window.valid_from, window.valid_to))
        self._periods = dict(periods)
        self.configs: Mapping[str, RegisteredConfig] = {config.node: config for config in configs}
        # When offices are open; `cloud.hours` says what follows from it.
        self.offices = offices

    def node(self, name: str) -> RegisteredNode | None:
        """The newest registration of node or gateway `name`."""
        return self._newest.get(name)

    def keys(self, name: str) -> Sequence[Key]:
        """Every key of `name`, newest first: what came before a change of key may still be under way."""
        return self._keys.get(name, ())

    def has_window(self, window: str, at: int) -> bool:
        """Whether the city-wide `window` was registered at `at` (ms)."""
        # A plain loop: `any` with a generator took twice as long, once for every rating.
        for start, end in self._periods.get(window, ()):
            if start <= at and (end is None or at < end):
                return True
        # By another channel than the buttons it is the window at the counter that is registered.
        counter = counter_of(window)
        return counter != window and self.has_window(counter, at)

    def periods(self, window: str) -> Sequence[tuple[int, int | None]]:
        """From when (ms) until before when the city-wide `window` was registered; None: until further notice."""
        return self._periods.get(window, ())

    def knows_window(self, window: str) -> bool:
        """Whether the city-wide `window` was ever registered."""
        return counter_of(window) in self._periods

    @property
    def county_codes(self) -> list[str]:
        """The code of each county, 6 digits."""
        return [county.place.code for county in self.counties]

    @property
    def windows(self) -> Iterable[str]:
        """Every window that ever was registered, by its city-wide name."""
        return self._periods.keys()

    def windows_at(self, at: int) -> list[str]:
        """The windows registered at `at` (ms)."""
        return [window for window in self._periods if self.has_window(window, at)]

    def lone(self, at: int) -> frozenset[str]:
        """The townships and counties with one window alone at `at` (ms): whatever is told of them is told of it."""
        windows = self.windows_at(at)
        counted = Counter(chain(map(township_of, windows), map(county_of, windows)))
        return frozenset(place for place, count in counted.items() if count == 1)

    def called(self, place: str, language: Literal["zh", "en"]) -> str:
        """Return how people call `place`; its own code where the registry has no name for it."""
        township, _, rest = place.partition("-")
        known = self.places.get(township)
        if known is None:
            return place
        name = known.zh if language == "zh" else known.en
        return f"{name} {rest}" if rest else name

    def served_townships(self) -> set[str]:
        """The townships with a node or a gateway."""
        return {township_of(name) for name in self._keys}


def names_of(place: str) -> tuple[str, str]:
    """Return between which names, both included, the nodes and windows of `place` lie and no others.

    `place` is "city", a county (6 digits), a township (9 digits) or one window. A code's successor is nobody's name.
    """
    if place == CITY:
        return "0", ":"
    return (place, place) if "/" in place else (place, str(int(place) + 1))
