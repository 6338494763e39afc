"""What is found by some letters, in whose place. Pure."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from cloud.people.rules import within
from cloud.registry.snapshot import Registry

# So many of each kind are shown.
MOST = 20
_CASE = "0123456789"


class Hit(NamedTuple):
    """What was found: its `name`, by what it is `called` so far as it is called anything, and where it leads."""

    name: str
    called: str
    link: str | None


def fits(q: str, *names: str) -> bool:
    """Whether `q` is a part of one of these names, by small letters or capitals."""
    return any(q.casefold() in name.casefold() for name in names)


def places(q: str, registry: Registry, scope: str, language: str) -> list[Hit]:
    """Counties and townships in `scope`; one more than `MOST` says that there are more."""
    found = (
        Hit(code, place.zh if language == "zh" else place.en, f"/windows?place={code}")
        for code, place in registry.places.items()
        if within(code, scope) and fits(q, *place)
    )
    return _some(found)


def devices(q: str, registry: Registry, scope: str) -> list[Hit]:
    """Nodes and gateways in `scope`."""
    names = sorted({*registry.nodes, *registry.gateways})
    return _some(Hit(name, "", f"/devices/{name}") for name in names if fits(q, name) and within(name, scope))


def windows(q: str, registry: Registry, scope: str, offices: dict[str, tuple[str, str]], language: str) -> list[Hit]:
    """Windows in `scope`, by their own name or by their office's (`offices`: Chinese and English)."""
    return _some(_windows(q, registry, scope, offices, language))


def _windows(
    q: str, registry: Registry, scope: str, offices: dict[str, tuple[str, str]], language: str
) -> Iterator[Hit]:
    for name in sorted(registry.windows):
        office = offices.get(name, ("", ""))
        if fits(q, name, *office) and within(name, scope):
            yield Hit(name, office[language == "en"], f"/windows/{name}")


def number_of(q: str) -> int | None:
    """The number of a case that `q` may be; None where it is none."""
    digits = q.removeprefix("#")
    return int(digits) if digits and len(digits) <= len("371721121") + 6 and not digits.strip(_CASE) else None


def _some(found: Iterable[Hit]) -> list[Hit]:
    return list(islice(found, MOST + 1))
