"""What somebody is told, in both languages, before it is known by which ways it goes. Pure."""

from typing import Literal, NamedTuple

import msgspec

Kind = Literal["alerts", "day", "week"]


class Line(NamedTuple):
    """One line of text."""

    zh: str
    en: str


class Letter(msgspec.Struct, frozen=True):
    """A title and lines; `path` is the console's page about it. No citizen's name, number or words are in it."""

    kind: Kind
    title: Line
    lines: list[Line]
    path: str
