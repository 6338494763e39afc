"""A listing as a table of a page. Pure.

By hand and not by a template: a table has some hundreds of cells, which a template takes several times as long for.
"""

from collections.abc import Callable, Iterator, Sequence
from html import escape

from markupsafe import Markup

from cloud.console.listing import Cell, Column, Listing

# Longer texts may break, shorter ones stay in one line.
_LINE = 24


def drawn(
    listing: Listing, word: Callable[..., str], caption: str, more: str = "app.more", picks: Sequence[str] = ()
) -> Markup:
    """Return `listing` as HTML in the words of `word`; `more` is the key of what leads to its next page.

    `picks`: for each row what is sent when it is chosen, by the form `bulk`.
    """
    if not listing.rows:
        return Markup(f'<p class="empty">{escape(word("app.none"))}</p>\n')  # noqa: S704  (escaped)
    return Markup("".join(_parts(listing, word, caption, more, picks)))  # noqa: S704  (every text in it is escaped)


def _parts(listing: Listing, word: Callable[..., str], caption: str, more: str, picks: Sequence[str]) -> Iterator[str]:
    shown = escape(caption)
    yield f'<div class="wide" tabindex="0" role="region" aria-label="{shown}">\n<table>\n'
    yield f'<caption class="unseen">{shown}</caption>\n<thead><tr>'
    if picks:
        yield f'<th scope="col" class="pick"><span class="unseen">{escape(word("bulk.choose"))}</span></th>'
    for column in listing.columns:
        yield f'<th scope="col"{_number(column)}>{escape(word(column.word))}</th>'
    yield "</tr></thead>\n<tbody>\n"
    for at, row in enumerate(listing.rows):
        yield "<tr>"
        if picks:
            yield _pick(picks[at], row[0].text, word)
        for column, cell in zip(listing.columns, row, strict=True):
            yield _cell(column, cell)
        yield "</tr>\n"
    yield "</tbody>\n</table>\n</div>\n"
    if listing.more:
        yield f'<p><a class="more" rel="next" href="{escape(listing.more)}">{escape(word(more))}</a></p>\n'


def _pick(value: str, name: str, word: Callable[..., str]) -> str:
    label = escape(word("bulk.pick", which=name))
    box = f'type="checkbox" form="bulk" name="chosen" value="{escape(value)}" id="pick-{escape(name)}"'
    return f'<td class="pick"><input {box} aria-label="{label}"></td>'


def _cell(column: Column, cell: Cell) -> str:
    text = escape(cell.text)
    if cell.link:
        text = f'<a href="{escape(cell.link)}">{text}</a>'
    if cell.tone:
        text = f'<span class="tone {cell.tone}">{text}</span>'
    style = _number(column) or (' class="long"' if len(cell.text) > _LINE else "")
    return f"<td{style}>{text}</td>"


def _number(column: Column) -> str:
    return ' class="number"' if column.number else ""
