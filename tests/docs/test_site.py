"""The site of docs/ is built without one complaint, in both languages, and asks no other host for anything."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CHINESE = sorted(page.name.removesuffix(".zh.md") for page in DOCS.glob("*.zh.md"))
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
ASKED = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=["']?((?:https?:)?//[^\s"'>]*)""")


def build(checkout: Path, out: Path) -> "subprocess.CompletedProcess[str]":
    # The theme's word about a version to come is none about our pages.
    told = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command: list[str | Path] = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", out]
    return subprocess.run(command, cwd=checkout, env=told, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site") / "site"
    done = build(ROOT, out)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return out


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def test_what_clerks_and_operators_read_is_there_in_both_languages(site: Path) -> None:
    assert {"console", "index", "installing", "operating"} <= set(CHINESE)
    for page in CHINESE:
        english = (site / f"{page}.html").read_text(encoding="utf-8")
        chinese = (site / "zh" / f"{page}.html").read_text(encoding="utf-8")
        assert '<html lang="en"' in english
        assert '<html lang="zh"' in chinese
        for language, heading in (english, text(f"{page}.md")), (chinese, text(f"{page}.zh.md")):
            assert heading.splitlines()[0].removeprefix("# ") in language


def test_a_page_without_chinese_is_english_in_both(site: Path) -> None:
    for page in ("protocol.html", "zh/protocol.html"):
        assert "The protocol, version 1" in (site / page).read_text(encoding="utf-8")


def test_no_page_asks_another_host_for_anything(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 2 * len(CHINESE)
    assert {page.name: asked for page in pages if (asked := ASKED.findall(page.read_text(encoding="utf-8")))} == {}
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_what_makes_files_is_no_part_of_the_site(site: Path) -> None:
    assert not list(site.rglob("*.py*"))


def test_what_is_english_in_both_languages_is_found_once(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    # With `zh` beside it the search ends in an error in the browser.
    assert index["config"]["lang"] == ["en"]
    found = {entry["location"].split("#")[0] for entry in index["docs"]}
    assert {page for page in found if page.startswith("zh/")} == {f"zh/{page}.html" for page in CHINESE}
    assert {"protocol.html", "operating.html"} <= found


def test_each_language_is_a_link_away_wherever_the_site_lies(site: Path) -> None:
    for page, other in {
        "index.html": "zh/index.html",
        "operating.html": "zh/operating.html",
        "zh/index.html": "../index.html",
        "zh/operating.html": "../operating.html",
    }.items():
        assert f'<a href="{other}" hreflang=' in (site / page).read_text(encoding="utf-8")


def test_the_chinese_runbook_has_the_commands_that_are_tried() -> None:
    # tests/deploy/test_operating.py runs those of the English one.
    shell = re.compile(r"^```sh\n.*?^```$", re.MULTILINE | re.DOTALL)
    blocks = shell.findall(text("operating.md"))
    assert len(blocks) > 10
    assert shell.findall(text("operating.zh.md")) == blocks


@pytest.mark.parametrize("page", CHINESE)
def test_no_chapter_row_or_figure_of_a_translated_page_is_lacking(page: str) -> None:
    def parts(name: str) -> list[str]:
        """How each heading, item and row of a table begins, with the figures of a row."""
        found = re.findall(r"^(#+ |\d+\. |- |\|.*)", FENCED.sub("", text(name)), re.MULTILINE)
        return [" ".join(["|", *re.findall(r"\d[\d,.]*", part)]) if part.startswith("|") else part for part in found]

    assert parts(f"{page}.zh.md") == parts(f"{page}.md")


def test_a_link_that_leads_nowhere_ends_the_build(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(DOCS, checkout / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    for beside in ROOT.iterdir():
        if beside.name not in {"docs", "site"}:
            (checkout / beside.name).symlink_to(beside)
    lost = {
        "releasing.md": "[a page](no-such-page.md)",
        "installing.zh.md": "[a page](no-such-page.zh.md) and [a file](../deploy/no-such-file)",
        "console.zh.md": "[a chapter](operating.zh.md#no-such-chapter)",
    }
    for page, link in lost.items():
        with (checkout / "docs" / page).open("a", encoding="utf-8") as file:
            file.write(f"\n{link}\n")
    done = build(checkout, tmp_path / "site")
    assert done.returncode != 0
    warned = [line for line in done.stderr.splitlines() if line.startswith("WARNING")]
    for found in ("no-such-page.md", "no-such-page.zh.md", "../deploy/no-such-file", "#no-such-chapter"):
        assert [line for line in warned if found in line], done.stderr
    # Nothing else was wrong with them.
    assert all("no-such" in line for line in warned), done.stderr
