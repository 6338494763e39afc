"""Finding services and answers by what somebody types, in Chinese without blanks as in English. Pure.

What was typed is looked for as a whole, then in parts: words between blanks, and of a run of Chinese each two
characters that stand together. Whoever has more of the parts, and has them in the title, comes first.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from contract.hall import Catalogue, Said

Kind = Literal["service", "question"]
MOST = 20
_HAN = re.compile(r"[㐀-鿿]+")
_WORD = re.compile(r"[^\W㐀-鿿_]+")
# In a title; what is found in the text counts one.
_TITLE = 3
_WHOLE = 10


class Found(NamedTuple):
    """The place in the catalogue of a service or a question."""

    kind: Kind
    place: int


def search(catalogue: Catalogue, typed: str) -> list[Found]:
    """Return up to `MOST` of what has any part of `typed`, the best first; equals as they stand in the catalogue."""
    wanted = plain(typed)
    parts = parts_of(wanted)
    if not parts:
        return []
    scored = []
    for found, title, text in _entries(catalogue):
        score = _score(title, text, wanted, parts)
        if score:
            scored.append((-score, found))
    return [found for _, found in sorted(scored, key=lambda one: one[0])][:MOST]


def plain(text: str) -> str:
    """Return `text` as it is compared: one width, small letters, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def parts_of(wanted: str) -> list[str]:
    """Return what is looked for of `wanted`: its words, and the pairs of its Chinese characters."""
    pairs = [run[at : at + 2] for run in _HAN.findall(wanted) for at in range(max(1, len(run) - 1))]
    return list(dict.fromkeys([*pairs, *_WORD.findall(wanted)]))


def _score(title: str, text: str, wanted: str, parts: Sequence[str]) -> int:
    whole = _WHOLE * (_TITLE * (wanted in title) + (wanted in text))
    return whole + sum(_TITLE * (part in title) + (part in text) for part in parts)


def _entries(catalogue: Catalogue) -> Iterable[tuple[Found, str, str]]:
    """Every service and question with its title and the rest of its text, to be compared."""
    for index, service in enumerate(catalogue.services):
        steps = [Said(step.zh, step.en) for step in service.steps]
        yield Found("service", index), _text([service.name]), _text([service.lead, *service.needs, *steps])
    for index, question in enumerate(catalogue.questions):
        yield Found("question", index), _text([question.asked]), _text([question.answer])


def _text(said: Iterable[Said]) -> str:
    # No word is found across two texts.
    return " \n ".join(plain(text) for one in said for text in (one.zh, one.en))
