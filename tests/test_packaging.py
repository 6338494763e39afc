"""What leaves the house: the wheel, not the checkout; the locks; and no word about where it was made."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from openpyxl import load_workbook
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cloud.database import open_database
from proof import edition
from proof.seals import written
from tests.proof.ledgers import A1, CITY, NOW, close_day, publish_day, whole

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")
HOUSES = ["cli", "cloud", "contract", "edge", "firmware_sim", "gateway", "proof", "transport"]
WEIGHT = ["fastapi", "sqlalchemy", "influxdb_client", "pydantic", "typer", "rich", "uvicorn", "cryptography", "amqtt"]
# Who reads certificates carries what reads them.
AUDITS = ("cryptography", "proof")
# What each lock is made for: `make demo`, `make setup`, and the three images.
LOCKS = {
    "run": "sim",
    "dev": "dev",
    "edge": "edge",
    "gateway": "gateway",
    "gateway-web": "gateway-web",
    "cloud": "cloud",
}


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command away from the checkout and return its output; its complaint is the assertion's text."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def tracked() -> list[str]:
    return run("git", "ls-files", cwd=ROOT).splitlines()


def pins(lock: str) -> dict[str, str]:
    """Return name -> version of a lock file."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist of this checkout."""
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (made,) = out.glob("manyi-*.whl")
    return made


@pytest.fixture(scope="session")
def bare(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds the wheel with one extra, at the locked versions, and nothing else."""
    folder = tmp_path_factory.mktemp(request.param)
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    held = folder / "constraints.txt"
    held.write_text("".join(f"{name}=={version}\n" for name, version in pins("run").items()), encoding="utf-8")
    wanted = f"manyi[{request.param}] @ {wheel.as_uri()}"
    run(python, "-m", "pip", "install", "--quiet", "--constraint", held, wanted, cwd=folder)
    return python


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("bare", "houses"),
    [("edge", ["edge", "transport", "contract"]), ("proof", ["proof", "contract"])],
    indirect=["bare"],
    scope="session",
)
def test_a_bare_extra_runs_without_the_citys_weight(bare: Path, houses: list[str], tmp_path: Path) -> None:
    # Every module of these houses, so that no import hides in one that a bare `import edge` does not reach.
    script = f"""
import importlib, importlib.util, json, pkgutil, sys
names = []
for house in {houses!r}:
    package = importlib.import_module(house)
    names += [house, *(found.name for found in pkgutil.walk_packages(package.__path__, house + "."))]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
heavy = [name for name in {WEIGHT!r} if importlib.util.find_spec(name) and (name, {houses[0]!r}) != {AUDITS!r}]
print(json.dumps({{"from": sys.modules[{houses[0]!r}].__file__, "heavy": heavy}}))
"""
    found = json.loads(run(bare, "-c", script, cwd=tmp_path))
    assert found["heavy"] == []
    assert found["from"].startswith(str(bare.parents[1])), "imported from the checkout, not from the wheel"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bare", ["edge"], indirect=True, scope="session")
def test_a_bare_edge_has_its_command_line(bare: Path, tmp_path: Path) -> None:
    assert "usage:" in run(bare, "-m", "edge", "--help", cwd=tmp_path)
    assert "--config" in run(bare.with_name("manyi"), "edge", "run", "--help", cwd=tmp_path)


@pytest.mark.timeout(300)
def test_the_wheel_in_an_empty_environment_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", "empty", cwd=tmp_path)
    python = tmp_path / "empty" / "bin" / "python"
    install: list[str | Path] = [UV, "pip", "install", "--no-config", "--quiet", "--no-deps", "--python", python]
    run(*install, "--require-hashes", "-r", ROOT / "requirements" / "run.txt", cwd=tmp_path)
    run(*install, wheel, cwd=tmp_path)
    small = ["--seconds", "8", "--windows", "12", "--townships", "2", "--port", "0", "--json"]
    said = run(python.with_name("manyi"), "demo", *small, cwd=tmp_path)
    told = json.loads(said.splitlines()[-1])
    assert told["ok"] is True
    assert told["pressed"] == told["ledger"] == told["tallies"] == told["wall"] > 0
    assert (told["lost"], told["twice"]) == (0, 0)


@pytest.mark.parametrize("role", ["edge", "gateway", "gateway-web", "cloud"])
def test_a_pi_has_to_compile_nothing(role: str, tmp_path: Path) -> None:
    """Every package of a role has a wheel for Raspberry Pi OS bookworm, 64 bit: Python 3.11, glibc 2.36."""
    a_pi = ["--python-platform", "aarch64-manylinux_2_36", "--python-version", "3.11"]
    held: list[str | Path] = [
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "-r",
        ROOT / "requirements" / f"{role}.txt",
    ]
    run(UV, "pip", "install", "--no-config", "--quiet", "--dry-run", *a_pi, *held, "--target", "there", cwd=tmp_path)


@pytest.mark.timeout(300)
def test_a_release_is_whole_the_same_twice_and_names_all_that_it_consists_of(tmp_path: Path) -> None:
    run("git", "clone", "--quiet", ROOT, tmp_path / "clone", cwd=tmp_path)
    said = run("env", f"PYTHON={sys.executable}", tmp_path / "clone" / ".ci" / "release", cwd=tmp_path)
    version = re.search(r"^release (\S+) of", said)
    assert version, said
    dist = tmp_path / "clone" / "dist"
    run("sha256sum", "--check", "--quiet", "SHA256SUMS", cwd=dist)
    assert {file.suffix for file in dist.glob("manyi-*")} == {".whl", ".gz", ".json", ".txt"}
    for role in ("edge", "gateway", "gateway-web", "cloud"):
        bill = json.loads((dist / f"manyi-{version[1]}-{role}.cdx.json").read_text(encoding="utf-8"))
        assert {canonicalize_name(one["name"]): one["version"] for one in bill["components"]} == pins(role)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bare", ["proof"], indirect=True, scope="session")
async def test_a_bare_proof_makes_a_report(bare: Path, tmp_path: Path) -> None:
    async with await open_database(str(tmp_path / "manyi.db")):
        pass
    report = ["score", "--database", "manyi.db", "--period", "2026Q4", "--out", "r.xlsx"]
    said = run(bare.with_name("manyi"), *report, cwd=tmp_path)
    assert "ledger up to position 0" in said
    assert load_workbook(tmp_path / "r.xlsx").sheetnames == ["县区与乡镇", "窗口"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bare", ["proof"], indirect=True, scope="session")
async def test_a_bare_proof_verifies_a_seal_a_proof_and_a_report(bare: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "manyi.db"
    await whole(ledger)
    report = await publish_day(ledger, "2026-11-21", at=NOW + 86_400_000)
    seal = await close_day(ledger, "2026-11-21")
    (tmp_path / "seal.txt").write_text(written(seal), encoding="utf-8")
    (tmp_path / "report.txt").write_text(edition.written(report), encoding="utf-8")
    manyi = bare.with_name("manyi")
    run(manyi, "prove", A1, "5", "--database", "manyi.db", "--out", "proof.json", cwd=tmp_path)
    assert "all of it holds" in run(manyi, "audit", "--database", "manyi.db", "--seal", "seal.txt", cwd=tmp_path)
    ledger.unlink()
    for file, shown in (("seal.txt", seal.seal.root), ("proof.json", seal.seal.root), ("report.txt", "of 2026-11-21")):
        said = run(manyi, "verify", file, "--city", CITY.public, cwd=tmp_path)
        assert said.endswith("it holds\n")
        assert shown in said


def test_the_wheel_holds_every_file_of_the_houses_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        held = {name for name in packed.namelist() if ".dist-info/" not in name}
    owed = {name for name in tracked() if name.split("/")[0] in HOUSES and (ROOT / name).is_file()}
    assert owed - held == set()
    assert {name.split("/")[0] for name in held} == set(HOUSES)


def test_the_wheels_version_is_the_contracts(wheel: Path) -> None:
    version = re.search(r'__version__ = "(.+)"', (ROOT / "contract" / "version.py").read_text(encoding="utf-8"))
    assert version
    assert wheel.name.startswith(f"manyi-{version[1]}-")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_a_hash_for_everything_and_an_address_for_nothing(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    for entry in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"^[\w.\[\]-]+==\S+( ; .+)? \\\n( +--hash=sha256:[0-9a-f]{64}( \\\n)?)+$", entry), entry[:200]


@pytest.mark.parametrize(("lock", "extra"), LOCKS.items())
def test_a_lock_satisfies_what_the_project_asks_for(lock: str, extra: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    pinned = pins(lock)
    asked, seen = [extra], set[str]()
    wanted = [Requirement(line) for line in project["dependency-groups"]["build"]]
    while asked:
        name = asked.pop()
        for requirement in map(Requirement, extras[name]):
            if requirement.name == "manyi":
                asked += requirement.extras - seen
                seen |= requirement.extras
            else:
                wanted.append(requirement)
    for requirement in wanted:
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), str(requirement)


def test_what_is_tested_is_what_runs_everywhere() -> None:
    tested = pins("dev").items()
    assert [lock for lock in LOCKS if not pins(lock).items() <= tested] == []


def test_every_house_stands_in_the_import_contract_and_in_the_wheel() -> None:
    # import-linter can demand exhaustive layers only inside a package; ours are the packages themselves.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    folders = {name.split("/")[0] for name in tracked() if name.endswith("/__init__.py") and name.count("/") == 1}
    layers = re.findall(r"\w+", " ".join(project["importlinter"]["contracts"][0]["layers"]))
    assert folders - {"bench"} == set(HOUSES)
    assert sorted(layers) == HOUSES
    assert sorted(project["importlinter"]["root_packages"]) == HOUSES
    assert sorted(project["hatch"]["build"]["targets"]["wheel"]["packages"]) == HOUSES


def test_no_file_names_the_place_it_was_made_in() -> None:
    foreign = re.compile(
        rb"\.\./shared|/tmp/plan|(?<![\w.])/work/|\.library/|/opt/(pypi|wheels)|pypi\.org|pythonhosted"
    )
    own = Path(__file__).relative_to(ROOT).as_posix()
    named = [
        f"{name}: {found[0].decode()}"
        for name in tracked()
        if name != own and (ROOT / name).is_file() and (found := foreign.search((ROOT / name).read_bytes()))
    ]
    assert named == []
