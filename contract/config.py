"""What the city tells a township: who its nodes are, and how each is set up. Signed by the city; versions only rise."""

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec

from contract.batch import Count, Millis, NodeName
from contract.identity import TOWNSHIP, WINDOW, whole
from contract.lines import BUS, line, spans
from contract.rating import Level
from contract.signing import PUBLIC_KEY

TownshipCode = Annotated[str, msgspec.Meta(pattern=whole(TOWNSHIP))]
WindowName = Annotated[str, msgspec.Meta(pattern=whole(WINDOW))]
KeyText = Annotated[str, msgspec.Meta(pattern=whole(PUBLIC_KEY))]
# A line's number, as in `contract.lines`; `WindowPins` refuses what is none.
Pin = Annotated[int, msgspec.Meta(extra_json_schema={"anyOf": spans()})]


class WindowPins(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One window's wiring, in line numbers; lights and buzzer may be left out where a window has none.

    0 to 27 are BCM numbers of the header, 100 k + 0 to 15 lines of expander k. `buzzer` came later than the rest: where
    there is none, nothing of it stands on the wire, and nodes of before take what they always took. Nodes of before
    the expanders refuse a configuration with a line of one.
    """

    id: WindowName
    satisfied: Pin
    basic: Pin
    dissatisfied: Pin
    light_satisfied: Pin | None = None
    light_basic: Pin | None = None
    light_dissatisfied: Pin | None = None
    buzzer: Pin | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        """Refuse a line that there is not."""
        for duty, pin in self.duties.items():
            try:
                line(pin)
            except ValueError as bad:
                raise ValueError(f"{duty}: {bad}") from bad

    @property
    def duties(self) -> Mapping[str, int]:
        """Every pin by what it does, under the key's name; without what is left out."""
        every = {duty: getattr(self, duty) for duty in self.__struct_fields__[1:]}
        return {duty: pin for duty, pin in every.items() if isinstance(pin, int)}

    @property
    def buttons(self) -> Mapping[int, int]:
        """The pin of each level's button."""
        return {Level.SATISFIED: self.satisfied, Level.BASIC: self.basic, Level.DISSATISFIED: self.dissatisfied}

    @property
    def lights(self) -> Mapping[int, int]:
        """The pin of each level's light, where there is one."""
        every = {
            Level.SATISFIED: self.light_satisfied,
            Level.BASIC: self.light_basic,
            Level.DISSATISFIED: self.light_dissatisfied,
        }
        return {level: pin for level, pin in every.items() if pin is not None}


def check_windows(windows: Iterable[WindowPins]) -> None:
    """Raise `ValueError` when two windows have one name, or one pin has two duties.

    Where there is an expander, the two lines of its bus have that duty.
    """
    names: set[str] = set()
    duties: dict[int, str] = {}
    for window in windows:
        if window.id in names:
            raise ValueError(f"window {window.id} is named twice")
        names.add(window.id)
        for duty, pin in window.duties.items():
            if pin in duties:
                raise ValueError(f"pin {pin} is both {duties[pin]} and {duty} of window {window.id}")
            duties[pin] = f"{duty} of window {window.id}"
    taken = [pin for pin in BUS if pin in duties]
    if taken and any(line(pin).expander for pin in duties):
        raise ValueError(f"pin {taken[0]} is both {duties[taken[0]]} and a wire of the bus that expanders are on")


class NodeConfig(msgspec.Struct, frozen=True, tag_field="kind", tag="config"):
    """A node's set-up. `settle_ms` and `cooldown_ms` as in the design's section on the button."""

    node: NodeName
    version: Count
    windows: list[WindowPins]
    settle_ms: Annotated[int, msgspec.Meta(ge=0, le=10_000)]
    cooldown_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)]

    def __post_init__(self) -> None:
        """Check the wiring."""
        check_windows(self.windows)


class FormerKey(msgspec.Struct, frozen=True):
    """A public key (base64url) that was replaced or revoked: it holds for what was pressed before `until` (ms)."""

    key: KeyText
    until: Millis


class RosterNode(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node that the gateway takes ratings from, with its newest public key (base64url) and those it had before.

    `until` (ms): the newest key was revoked, and holds for what was pressed before; None: until further notice.
    """

    node: NodeName
    key: KeyText
    former: list[FormerKey] = []
    until: Millis | None = None


class Roster(msgspec.Struct, frozen=True, tag_field="kind", tag="roster"):
    """All nodes of a township."""

    township: TownshipCode
    version: Count
    nodes: list[RosterNode]
