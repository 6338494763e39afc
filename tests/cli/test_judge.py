"""How a flag is judged, as two auditors do it: keys, list, judge, cosign, file, and then the score."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.app import app
from cloud.__main__ import main as city
from cloud.database import open_database
from proof.__main__ import main as outsider
from tests.cli.test_db import settings
from tests.cloud.test_misuse_worker import TOMORROW, misused
from tests.cloud.watching import DAY, NODE, batches, commit, filter_of
from transport import boot

pytestmark = pytest.mark.timeout(120)
HOUR_MS = 3_600_000


def manyi(*words: object) -> Result:
    return CliRunner().invoke(app, ["misuse", *map(str, words)])


async def fill(file: Path, level: int) -> None:
    ratings = misused()
    async with await open_database(str(file)) as database:
        await commit(database, batches(ratings, [level] * len(ratings)))
        await filter_of(database, TOMORROW).catch_up()


@pytest.fixture
def config(tmp_path: Path, errand: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make(tmp_path, errand, monkeypatch, 3)


def make(folder: Path, errand: asyncio.Runner, monkeypatch: pytest.MonkeyPatch, level: int) -> Path:
    """A city in `folder` with flags, where everybody pressed `level`, and two auditors with keys of their own."""
    monkeypatch.setattr(boot, "wall_ms", lambda: TOMORROW)
    monkeypatch.setattr("cloud.__main__.wall_ms", lambda: TOMORROW - HOUR_MS)
    config = settings(folder, "city.db")
    errand.run(fill(folder / "city.db", level))
    forms = []
    for name in ("wang", "li"):
        told = manyi("keygen", folder / f"{name}.key")
        forms.append({"name": name, "zh": "审计员", "key": told.stdout.strip()})
    document = folder / "auditors.json"
    document.write_text(json.dumps({"auditors": forms}), encoding="utf-8")
    assert city(["register", "--config", str(config), str(document)]) == 0
    return config


def flag_of(config: Path, rule: str) -> str:
    listed = manyi("list", "--config", config, "--day", DAY, "--place", NODE[:9])
    (line,) = [line for line in listed.stdout.splitlines() if line.split()[0].endswith(f"~{rule}")]
    return line


def test_two_auditors_uphold_a_flag_and_the_score_is_without_it(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, out = flag_of(config, "burst").split()[0], tmp_path / "judgement.txt"
    asked = [name, "--config", config, "--verdict", "upheld", "--why", "录像里只有一个人", "--out", out]
    done = manyi("judge", *asked, "--key", tmp_path / "wang.key", "--by", "wang")
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"{NODE}/01" in done.stdout
    assert "2026-11-18 14:56:59 - 2026-11-18 15:11:47" in done.stdout

    half = manyi("file", out, "--config", config)
    assert (half.exit_code, half.stdout) == (2, "")
    assert "1 signed it, and it takes 2" in half.stderr
    same = manyi("cosign", out, "--key", tmp_path / "wang.key", "--by", "wang", "--yes")
    assert same.exit_code == 2
    assert "it takes two different auditors" in same.stderr
    unsure = CliRunner().invoke(
        app, ["misuse", "cosign", str(out), "--key", str(tmp_path / "li.key"), "--by", "li"], input="n\n"
    )
    assert unsure.exit_code == 1
    second = manyi("cosign", out, "--key", tmp_path / "li.key", "--by", "li", "--yes")
    assert (second.exit_code, second.stderr) == (0, "")
    assert "录像里只有一个人" in second.stdout

    filed = manyi("file", out, "--config", config)
    assert (filed.exit_code, filed.stderr) == (0, "")
    assert filed.stdout.startswith("upheld, by ledger position ")
    fewer = int(filed.stdout.split(": ")[1].split()[0])
    assert manyi("file", out, "--config", config).exit_code == 2
    assert "upheld by wang and li" in flag_of(config, "burst")

    capsys.readouterr()
    database = str(tmp_path / "city.db")
    assert outsider(["score", "--database", database, "--period", DAY, "--json"]) == 0
    units = {unit["code"]: unit for unit in json.loads(capsys.readouterr().out)["units"]}
    assert sum(units[f"{NODE}/01"]["upheld"]["counts"]) == fewer


def test_no_grade_is_shown_to_who_judges(
    tmp_path: Path, errand: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All satisfied, all dissatisfied: auditors are shown the same, to the last letter, and sign the same."""
    shown = []
    for level in (3, 1):
        folder = tmp_path / str(level)
        folder.mkdir()
        config, out = make(folder, errand, monkeypatch, level), folder / "judgement.txt"
        said = manyi("list", "--config", config, "--day", DAY).stdout
        name = flag_of(config, "burst").split()[0]
        asked = [name, "--config", config, "--verdict", "upheld", "--why", "x", "--out", out]
        said += manyi("judge", *asked, "--key", folder / "wang.key", "--by", "wang").stdout
        said += manyi("cosign", out, "--key", folder / "li.key", "--by", "li", "--yes").stdout
        said += manyi("file", out, "--config", config).stdout
        shown.append((said.replace(str(folder), ""), out.read_bytes().partition(b"\n")[0]))
    assert shown[0] == shown[1]
    assert "upheld, by ledger position" in shown[0][0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"--by": "zhao"}, "--by zhao: nobody is registered under this name with this key"),
        ({"--key": "li.key"}, "--by wang: nobody is registered under this name with this key"),
        ({"--why": " "}, "--why: it must not be empty"),
        ({"--why": "长" * 2001}, "--why: it has 2,001 letters; at most 2,000 are allowed"),
        ({"--out": "auditors.json"}, "there is a file already"),
        ({"FLAG": "1~burst"}, "there is no flag 1~burst: `manyi misuse list` names"),
    ],
)
def test_what_cannot_be_judged(config: Path, tmp_path: Path, words: dict[str, str], said: str) -> None:
    options = {"--by": "wang", "--key": "wang.key", "--why": "x", "--out": "judgement.txt", **words}
    name = options.pop("FLAG", flag_of(config, "burst").split()[0])
    for option in ("--key", "--out"):
        options[option] = str(tmp_path / options[option])
    given = [part for pair in options.items() for part in pair]
    done = manyi("judge", name, "--config", config, "--verdict", "upheld", *given)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / "judgement.txt").exists()


def test_what_cannot_be_listed_or_signed(config: Path, tmp_path: Path) -> None:
    for day, place, said in (
        ("yesterday", "city", "--day yesterday"),
        # Flags are kept by the long form, and these would find none.
        (DAY.replace("-", ""), "city", "--day 20"),
        ("2026-W47-3", "city", "--day 2026-W47-3"),
        (DAY, "here", "--place here: expected city"),
    ):
        done = manyi("list", "--config", config, "--day", day, "--place", place)
        assert (done.exit_code, done.stdout) == (2, "")
        assert said in done.stderr
    done = manyi("list", "--config", settings(tmp_path, "ctiy.db"), "--day", DAY)
    assert (done.exit_code, "there is no such file" in done.stderr) == (2, True)
    assert not (tmp_path / "ctiy.db").exists()
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("{}", encoding="utf-8")
    for file, said in ((wrong, "wrong.txt: judgement: "), (tmp_path / "none", "none cannot be read")):
        done = manyi("cosign", file, "--key", tmp_path / "li.key", "--by", "li")
        assert done.exit_code == 2
        assert said in done.stderr


def test_what_cannot_be_cosigned(config: Path, tmp_path: Path) -> None:
    out, name = tmp_path / "judgement.txt", flag_of(config, "burst").split()[0]
    asked = [name, "--config", config, "--verdict", "upheld", "--why", "长" * 2000, "--out", out]
    assert manyi("judge", *asked, "--key", tmp_path / "wang.key", "--by", "wang").exit_code == 0
    before = out.read_bytes()
    for words, said in (
        (["--by", "Li"], "--by Li: expected a name such as wang: a-z, 0-9 and -, at most 32"),
        (["--by", "li", "--zone", "Bad/Zone"], "zone 'Bad/Zone': expected an IANA name"),
        (["--by", "wang"], "it takes two different auditors"),
    ):
        done = manyi("cosign", out, "--key", tmp_path / "li.key", "--yes", *words)
        assert done.exit_code == 2
        assert said in done.stderr
        assert out.read_bytes() == before
