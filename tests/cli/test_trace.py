"""`manyi trace` from the command line: which files it takes, and what it says where it cannot."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

A1 = "371721121-a1"
LINE = {"time": "2025-11-22T08:26:40.123Z", "house": "gateway", "who": "371721121-g0", "step": "recorded"}


def trace(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", "trace", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def log(folder: Path) -> Path:
    file = folder / "gateway.log"
    file.write_text(json.dumps(LINE | {"batch": f"{A1}/AAAAAAAAAA/5", "last": 9}) + "\nno JSON\n", encoding="utf-8")
    return file


def test_a_log_alone_tells_how_far_a_rating_came(tmp_path: Path) -> None:
    run = trace(A1, 7, "--log", log(tmp_path))
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert lines[:3] == [
        f"{A1} number 7 of epoch AAAAAAAAAA",
        "  gateway: 371721121-g0, since 2025-11-22 16:26:40.123",
        f"  batch {A1}/AAAAAAAAAA/5",
    ]
    assert "2025-11-22 16:26:40.123" in lines[6]


def test_as_json(tmp_path: Path) -> None:
    run = trace(A1, 7, "--log", log(tmp_path), "--json")
    told = json.loads(run.stdout)
    assert (told["node"], told["number"]) == (A1, 7)
    assert [(way["place"], way["steps"][0]["at"]) for way in told["ways"]] == [("gateway", 1763800000123)]


def test_what_nothing_tells_of_is_unknown_and_code_1(tmp_path: Path) -> None:
    run = trace(A1, 10, "--log", log(tmp_path))
    assert (run.returncode, run.stderr) == (1, "")
    assert run.stdout.splitlines() == [f"{A1} number 10 of epoch ?", "  unknown"]


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("--config", None, "cannot be read"),
        ("--config", "colour = 5", "neither a city's (key database), a gateway's (township) nor a node's (node) file"),
        ("--config", 'node = "371721121-a1"', "the key store is missing"),
        ("--log", None, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line_and_code_2(
    tmp_path: Path, option: str, text: str | None, said: str
) -> None:
    file = tmp_path / "file.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    run = trace(A1, 1, option, file)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert str(file) in run.stderr
    assert said in run.stderr


def test_without_anything_to_look_into_it_says_what_it_needs() -> None:
    run = trace(A1, 1)
    assert (run.returncode, run.stderr) == (2, "trace: name at least one --config FILE or --log FILE to look into\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("371721121", 1), "'371721121'"),
        (("371721121-a1/01", 1), "'371721121-a1/01'"),
        ((A1, 1, "--epoch", "too short"), "'too short'"),
        ((A1, 1, "--zone", "Mars/X"), "'Mars/X'"),
        ((A1, 1, "--zone", "America"), "'America'"),
        ((A1, 1, "--zone", "../etc/passwd"), "'../etc/passwd'"),
    ],
)
def test_what_cannot_be_a_name_is_one_line_and_code_2(tmp_path: Path, words: tuple[object, ...], said: str) -> None:
    run = trace(*words, "--log", log(tmp_path))
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert run.stderr.startswith("trace: ")
    assert said in run.stderr
