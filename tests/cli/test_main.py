import subprocess
import sys

import pytest

from cli import main as command
from contract.version import __version__

HEAVY = frozenset(
    [
        "aiohttp",
        "alembic",
        "amqtt",
        "asyncpg",
        "cryptography",
        "fastapi",
        "httpx",
        "influxdb_client",
        "pydantic",
        "rich",
        "sqlalchemy",
        "starlette",
        "typer",
        "uvicorn",
    ]
)

RUN = ("run", "--config", "none.toml")

# What was loaded is told on the last line, whatever the command line printed before.
LOADED = """
import sys
from cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded_by(*words: str) -> set[str]:
    run = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


def manyi(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "cli.main", *words], capture_output=True, text=True, check=False)


def manyi_without(library: str, *words: str) -> subprocess.CompletedProcess[str]:
    # A module set to None cannot be imported, as if it were not installed.
    program = f"import sys; sys.modules[{library!r}] = None; from cli.main import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [["edge", "--help"], ["edge", "run", "--help"], ["edge", "--version"]])
def test_the_edge_loads_nothing_of_the_city(words: list[str]) -> None:
    loaded = loaded_by(*words)
    assert "edge" in loaded
    assert not loaded & {*HEAVY, "cloud", "gateway", "firmware_sim"}


def test_a_gateway_loads_nothing_of_the_city() -> None:
    loaded = loaded_by("gateway", "--help")
    assert "gateway" in loaded
    assert not loaded & {*HEAVY, "cloud", "edge", "firmware_sim", "gpiozero"}


def test_a_score_loads_no_more_than_it_needs() -> None:
    """Certificates are for audits, and a workbook's libraries for workbooks."""
    loaded = loaded_by("score", "--help")
    assert "proof" in loaded
    assert not loaded & {*HEAVY, "cloud", "edge", "gateway", "openpyxl", "xlsxwriter"}


def test_an_outsiders_words_are_told_together() -> None:
    run = subprocess.run([sys.executable, "-m", "proof", "--help"], capture_output=True, text=True, check=True)
    for word in command.OUTSIDERS:
        assert f"\n    {word} " in run.stdout


@pytest.mark.parametrize("house", ["edge", "gateway", "cloud"])
def test_each_house_answers_for_itself(house: str) -> None:
    run = manyi(house, "--help")
    assert run.returncode == 0
    assert run.stdout.startswith(f"usage: manyi {house}")
    assert manyi(house, "--version").stdout.strip() == __version__


@pytest.mark.parametrize("house", ["edge", "gateway", "cloud"])
def test_a_houses_exit_code_is_ours(house: str, tmp_path: object) -> None:
    run = manyi(house, "run", "--config", f"{tmp_path}/none.toml")
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "none.toml" in run.stderr


def test_help_names_the_demo_and_the_houses() -> None:
    run = manyi("--help")
    assert run.returncode == 0
    for word in ("demo", "edge", "gateway", "cloud"):
        assert word in run.stdout


def test_the_version_is_the_contracts() -> None:
    assert manyi("--version").stdout.strip() == __version__


@pytest.mark.parametrize("words", [["demonstrate"], ["demo", "--windows", "0"], ["demo", "--colour"]])
def test_a_wrong_word_is_explained(words: list[str]) -> None:
    run = manyi(*words)
    assert run.returncode == 2
    assert "Usage: manyi" in run.stderr


@pytest.mark.parametrize(("windows", "townships"), [("5", "6"), ("300", "168")])
def test_no_more_townships_than_there_are_or_have_windows(windows: str, townships: str) -> None:
    run = manyi("demo", "--port", "0", "--windows", windows, "--townships", townships)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert f"--townships {townships}: 1 to 167 are there" in run.stderr


@pytest.mark.parametrize(
    ("words", "library", "line"),
    [
        (["demo"], "typer", "manyi demo needs: pip install 'manyi[sim]' (typer is not installed)\n"),
        (["demo"], "httpx", "manyi demo needs: pip install 'manyi[sim]' (httpx is not installed)\n"),
        (["cloud", *RUN], "msgspec", "manyi cloud needs: pip install 'manyi[cloud]' (msgspec is not installed)\n"),
        (["gateway", *RUN], "paho", "manyi gateway needs: pip install 'manyi[gateway]' (paho is not installed)\n"),
        (["edge", "keygen", "x"], "nacl", "manyi edge needs: pip install 'manyi[edge]' (nacl is not installed)\n"),
    ],
)
def test_a_missing_extra_is_one_clear_line(words: list[str], library: str, line: str) -> None:
    run = manyi_without(library, *words)
    assert (run.returncode, run.stderr, run.stdout) == (2, line, "")


@pytest.mark.parametrize(("words", "code"), [(["--help"], 0), (["--version"], 0), ([], 0), (["demonstrate"], 2)])
def test_a_pi_without_typer_still_says_what_there_is(words: list[str], code: int) -> None:
    run = manyi_without("typer", *words)
    assert (run.returncode, run.stderr) == (code, "")
    assert run.stdout.count("\n") == 1
    assert __version__ in run.stdout
    assert "edge|gateway|cloud" in run.stdout


def test_a_part_of_ours_that_is_missing_is_no_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> None:
        raise ModuleNotFoundError("No module named 'transport.lost'", name="transport.lost")

    monkeypatch.setattr(command, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="lost"):
        command.main(["edge", "run"])
