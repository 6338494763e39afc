"""A store that a test leaves open keeps nobody waiting: neither the next test, nor who ran them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

# A session of its own, on a machine that has much else to do.
pytestmark = pytest.mark.timeout(180)

ROOT = Path(__file__).parents[1]
TESTS = """
from pathlib import Path

from transport.disk import Disk


async def test_that_fails(tmp_path: Path) -> None:
    disk = await Disk.open(tmp_path / "of_the_failed.db", "")
    assert disk is None


async def test_that_forgets(tmp_path: Path) -> None:
    await Disk.open(tmp_path / "forgotten.db", "")


async def test_that_closes(tmp_path: Path) -> None:
    disk = await Disk.open(tmp_path / "closed.db", "")
    await disk.close()
"""


def test_pytest_ends_though_stores_are_left_open_and_names_those_that_nothing_else_tells_of(tmp_path: Path) -> None:
    file = tmp_path / "test_stores.py"
    file.write_text(TESTS)
    words = ["-q", "-c", "pyproject.toml", "-p", "tests.conftest", "-p", "no:cacheprovider", str(file)]
    # Whoever runs these tests may have asked pytest for more or fewer words.
    plain = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    # Without what closes them this never ends: the thread of a store is none that Python leaves behind.
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT,
        env=plain,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert re.search(r"\b1 failed, 2 passed, 1 error in ", run.stdout), run.stdout + run.stderr
    assert dict(re.findall(r"^(FAILED|ERROR) \S*::(\w+)", run.stdout, re.MULTILINE)) == {
        "FAILED": "test_that_fails",
        "ERROR": "test_that_forgets",
    }
    assert re.findall(r"^left open: \S+/(\w+\.db)$", run.stdout, re.MULTILINE) == ["forgotten.db"]
