"""A listing as HTML: every text in it is text, and nothing that anybody typed is markup."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.console.listing import Cell, Column, Listing
from cloud.console.table import drawn

COLUMNS = (Column("a.number", number=True), Column("a.text"))
HOSTILE = "<img src=x onerror=alert(1)>\"'&"
ATTRIBUTES = frozenset(
    {"class", "tabindex", "role", "aria-label", "scope", "type", "form", "name", "value", "id", "rel", "href"}
)
texts = st.text(max_size=40) | st.sampled_from([HOSTILE, "</td></table>", "&amp;"])


class Read(HTMLParser):
    """What a browser makes of it: the tags that were opened, and the texts of the cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self._open = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "td":
            self.cells.append("")
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.cells[-1] += data


def word(key: str, **figures: object) -> str:
    return f"{key}{HOSTILE}{''.join(map(str, figures.values()))}"


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4), texts, st.booleans())
def test_what_was_typed_stays_text(typed: list[tuple[str, str]], caption: str, chosen: bool) -> None:  # noqa: FBT001
    rows = [[Cell(number, f"/x?{number}"), Cell(text, tone="bad")] for number, text in typed]
    picks = [text for _, text in typed] if chosen else []
    read = Read(drawn(Listing("list", COLUMNS, rows, f"?{caption}"), word, caption, picks=picks))
    kinds = {tag for tag, _ in read.tags}
    allowed = {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "a", "p", "span", "input"}
    assert kinds <= allowed
    names = {name for _, given in read.tags for name in given}
    assert names <= ATTRIBUTES
    links = [given["href"] for tag, given in read.tags if tag == "a"]
    assert links == [f"/x?{number}" for number, _ in typed] + [f"?{caption}"]
    labels = [given["aria-label"] for tag, given in read.tags if tag in {"div", "input"}]
    assert labels == [caption] + [word("bulk.pick", which=number) for number, _ in typed if chosen]
    seen = [cell for cell in read.cells if cell] if chosen else read.cells
    wanted = [text for pair in typed for text in pair]
    assert seen == [text for text in wanted if text or not chosen]
    if chosen:
        assert [given["value"] for tag, given in read.tags if tag == "input"] == picks


def test_a_cell_has_its_link_its_tone_and_its_column() -> None:
    rows = [[Cell("1", "/cases/1"), Cell("一" * 25, tone="warn")]]
    html = drawn(Listing("list", COLUMNS, rows), lambda key: key, "表")
    assert '<td class="number"><a href="/cases/1">1</a></td>' in html
    assert f'<td class="long"><span class="tone warn">{"一" * 25}</span></td>' in html
    assert "app.more" not in html


def test_a_list_of_nothing_says_so() -> None:
    assert drawn(Listing("list", COLUMNS, []), lambda key: key, "表") == '<p class="empty">app.none</p>\n'


def test_a_row_that_does_not_fit_its_columns_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="zip"):
        drawn(Listing("list", COLUMNS, [[Cell("1")]]), lambda key: key, "表")
