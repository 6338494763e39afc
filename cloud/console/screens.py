"""Making a page: template, words, language, and the menu of what the asker's role may see."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from cloud.calendar import Calendar
from cloud.console.listing import Listing, written
from cloud.console.table import drawn
from cloud.console.words import Language, Words
from cloud.door.asker import visitor_of
from cloud.door.rules import TABLE
from cloud.hours.rules import CITY
from cloud.people.visitors import Visitor
from cloud.registry.snapshot import Registry

LANGUAGE = "manyi-lang"
_YEAR_S = 366 * 86_400


class Entry(NamedTuple):
    """A line of the menu: its address, the key of its word, and the letter that leads there after g."""

    path: str
    word: str
    letter: str


# What there is to see; a role sees what the door lets it see.
_MENU = (
    Entry("/desk", "menu.desk", "d"),
    Entry("/cases", "menu.cases", "c"),
    Entry("/alerts", "menu.alerts", "a"),
    Entry("/windows", "menu.windows", "b"),
    Entry("/heat", "menu.heat", "h"),
    Entry("/codes", "menu.codes", "e"),
    Entry("/tablets", "menu.tablets", "x"),
    Entry("/homes", "menu.homes", "f"),
    Entry("/assistants", "menu.assistants", "y"),
    Entry("/reports", "menu.reports", "r"),
    Entry("/duties", "menu.duties", "u"),
    Entry("/rota", "menu.rota", "t"),
    Entry("/closures", "menu.closures", "o"),
    Entry("/devices", "menu.devices", "v"),
    Entry("/updates", "menu.updates", "m"),
    Entry("/imports", "menu.imports", "i"),
    Entry("/quarantine", "menu.quarantine", "q"),
    Entry("/seals", "menu.seals", "s"),
    Entry("/notices", "menu.notices", "n"),
    Entry("/people", "menu.people", "p"),
    Entry("/keys", "menu.keys", "k"),
    Entry("/changes", "menu.changes", "l"),
    Entry("/wall", "menu.wall", "w"),
)


class Screens:
    """Renders the templates of this folder; days and times are those of `calendar`'s zone.

    `without`: entries of the menu that this city has not.
    """

    def __init__(self, calendar: Calendar, *, without: Collection[str] = ()) -> None:
        self._calendar = calendar
        self._without = without
        self._words = Words()
        self._pages = Environment(
            loader=PackageLoader("cloud.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.globals["drawn"] = drawn

    def page(
        self, request: Request, template: str, *, status: int = 200, here: str | None = None, **facts: object
    ) -> Response:
        """Return `template` with `facts`, in the language that was asked for now or before.

        `here`: where the page is found again, if not at the address of a form that was sent.
        """
        language = language_of(request)
        visitor = visitor_of(request)
        own = {
            "t": partial(self._words, language=language),
            "when": self._calendar.shown,
            "language": language,
            "other": _other(request, here, language),
            "path": request.url.path,
            "here": here,
            "visitor": visitor,
            "menu": [] if visitor is None else menu_of(visitor, self._without),
        }
        if taken := own.keys() & facts.keys():
            raise ValueError(f"{template}: {sorted(taken)} are every page's own")
        body = self._pages.get_template(template).render(own | facts)
        answer = Response(body, status, {"Cache-Control": "no-store"}, "text/html; charset=utf-8")
        if request.query_params.get("lang") == language:
            answer.set_cookie(LANGUAGE, language, max_age=_YEAR_S, path="/", httponly=True, samesite="strict")
        return answer

    def listed(
        self,
        request: Request,
        template: str,
        listing: Listing,
        *,
        status: int = 200,
        here: str | None = None,
        **facts: object,
    ) -> Response:
        """Return `listing` within `template`, or as a CSV file where `?as=csv` asks for that."""
        if request.query_params.get("as") == "csv":
            return self.exported(request, listing)
        address = (here or "") + queried(request, **{"as": "csv"})
        return self.page(request, template, status=status, here=here, listing=listing, export=address, **facts)

    def table(self, request: Request, listing: Listing, caption: str, picks: Sequence[str] = ()) -> Markup:
        """Return `listing` drawn in the asker's language, for whoever draws it once and shows it to many."""
        word = partial(self._words, language=language_of(request))
        return drawn(listing, word, word(caption), picks=picks)

    def exported(self, request: Request, listing: Listing) -> Response:
        """Return `listing` as a CSV file, with headings in the asker's language."""
        text = written(listing, partial(self._words, language=language_of(request)))
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="manyi-{listing.name}.csv"',
        }
        return Response(text, 200, headers, "text/csv; charset=utf-8")

    def called(self, request: Request, registry: Registry, place: str) -> str:
        """Return how people call `place` in the asker's language, the whole city too."""
        if place == CITY:
            return self.word(request, "desk.city")
        return registry.called(place, language_of(request))

    def word(self, request: Request, key: str, **figures: object) -> str:
        """Return the words for `key` in the asker's language."""
        return self._words(key, language_of(request), **figures)


def queried(request: Request, **asked: object) -> str:
    """Return the query of `request`, from its ? on, with what is `asked` besides or instead."""
    return f"?{request.url.include_query_params(**asked).query}"


def language_of(request: Request) -> Language:
    """Return the language asked for now, or before; Chinese without."""
    asked = request.query_params.get("lang") or request.cookies.get(LANGUAGE)
    return "en" if asked == "en" else "zh"


def menu_of(visitor: Visitor, without: Collection[str] = ()) -> list[Entry]:
    """Return what the visitor's role may see, of what there is in the menu `without` these addresses."""
    return [entry for entry in _MENU if entry.path not in without and _may(visitor, entry.path)]


def _may(visitor: Visitor, path: str) -> bool:
    rule = TABLE.get(("GET", path))
    return rule is not None and visitor.person.role in rule.roles


def _other(request: Request, here: str | None, language: Language) -> Mapping[str, str]:
    """The switch to the other language, and the address that it leads to."""
    wanted = "en" if language == "zh" else "zh"
    return {"language": wanted, "address": (here or request.url.path) + queried(request, lang=wanted)}
