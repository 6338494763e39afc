"""docs/laws.md names all laws of the design, and only tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAWS = (ROOT / "docs" / "laws.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", LAWS)


def test_all_twelve_laws_of_the_design_are_there_in_its_words() -> None:
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    laws = re.findall(r"^(\d+\. )\*\*(.+?)\.\*\*", design, re.MULTILINE)
    assert len(laws) == 12
    assert re.findall(r"^\| (\d+\. )(.+?) \|", LAWS, re.MULTILINE) == laws


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_every_test_named_exists(file: str, test: str) -> None:
    source = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {test}\(", source, re.MULTILINE)
