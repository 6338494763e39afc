"""The command line: a wrong settings file is one line and exit code 2, and nothing was started."""

import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest

from contract.codec import encode
from contract.seal import NOTHING, Seal
from contract.signing import Signer
from gateway.__main__ import main, read
from gateway.papers import seal_name
from proof.seals import read as read_seals
from tests.rival import turned_away
from transport.keys import new_key
from transport.shelf import Shelf

CITY = Signer(b"9" * 32).public
GOOD = f"""
township = "371721121"
store = "journal.db"
key = "g0.key"
city_key = "{CITY}"
node_broker = {{ host = "127.0.0.1" }}
city_broker = {{ host = "127.0.0.1", port = 1884, username = "g0", password_file = "g0.password" }}
[[roster]]
node = "371721121-a1"
key = "{CITY}"
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "gateway.toml"
    file.write_text(text, encoding="utf-8")
    return file


def alone(folder: Path) -> Path:
    """A gateway that reaches no broker."""
    new_key(folder / "g0.key")
    text = GOOD.replace('host = "127.0.0.1" }', 'host = "127.0.0.1", port = 9 }').replace("1884", "9")
    return write(folder, text.replace(', username = "g0", password_file = "g0.password"', ""))


def test_a_good_file(tmp_path: Path) -> None:
    settings = read(write(tmp_path, GOOD))

    assert settings.node == "371721121-g0"
    assert settings.store == str(tmp_path / "journal.db")
    assert settings.key == str(tmp_path / "g0.key")
    assert settings.city_broker.password_file == str(tmp_path / "g0.password")
    assert settings.node_broker.password_file is None
    assert [node.node for node in settings.roster] == ["371721121-a1"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"371721121"', '"3717211"', "township: expected"),
        ('store = "journal.db"', "", "the key store is missing"),
        ("[[roster]]", "colour = 5\n[[roster]]", "there is no key colour; allowed here: city_broker, city_key"),
        (f'city_key = "{CITY}"', 'city_key = "short"', "city_key: "),
        (f'key = "{CITY}"\n', f'key = "{"A" * 42}B"\n', "roster: 371721121-a1: a public key"),
        ("journal.db", "nowhere/journal.db", "store: there is no folder"),
        ("1884", "99999", "city_broker.port: expected"),
        ('"127.0.0.1" }', '"" }', "node_broker.host: expected"),
        ('"371721121-a1"', '"371721122-a1"', "roster: 371721122-a1 is not of township 371721121"),
        ("township", "township township", "not TOML"),
        ("[[roster]]", '[visits]\nsecret = "s"\n[[roster]]', "visits: they are told over HTTP; say where in [web]"),
        (
            "[[roster]]",
            '[web]\nport = 8080\n[visits]\nsecret = "s"\nwait_s = 0\n[[roster]]',
            "visits.wait_s: expected",
        ),
    ],
)
def test_wrong_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str) -> None:
    assert old in GOOD
    # The last one: a roster's key stands behind the city's.
    file = write(tmp_path, new.join(GOOD.rsplit(old, 1)))

    assert main(["run", "--config", str(file)]) == 2

    line = capsys.readouterr().err
    assert said in line
    assert line.startswith(str(file))
    assert line.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["gateway.toml"]


def test_no_file_and_no_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--config", str(tmp_path / "none.toml")]) == 2
    assert "cannot be read" in capsys.readouterr().err

    assert main(["run", "--config", str(write(tmp_path, GOOD))]) == 2
    assert "g0.key: cannot be read as a key" in capsys.readouterr().err


def test_keygen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keygen", str(tmp_path / "g0.key")]) == 0
    assert len(capsys.readouterr().out.strip()) == 43
    assert main(["keygen", str(tmp_path / "g0.key")]) == 2
    assert "never overwritten" in capsys.readouterr().err


@pytest.mark.timeout(60)
def test_it_runs_without_brokers_and_stops_on_sigterm(tmp_path: Path) -> None:
    file = alone(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "run", "--config", str(file)], stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr is not None
        # It says that it cannot reach a broker, and goes on.
        assert "Connection refused" in child.stderr.readline()
        child.terminate()
        assert child.wait(10) == 0
    assert (tmp_path / "journal.db").exists()


@pytest.mark.timeout(120)
def test_a_second_one_on_its_journal_ends_with_a_line_that_says_what_to_do(tmp_path: Path) -> None:
    turned_away("gateway", alone(tmp_path), tmp_path / "journal.db")


@pytest.mark.timeout(60)
def test_it_answers_prometheus_where_its_file_says_so_and_logs_no_password(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    new_key(tmp_path / "g0.key")
    (tmp_path / "g0.password").write_text("Tr0ub4dor\n")
    port = free_port()
    file = write(
        tmp_path, GOOD.replace("1884", "9").replace("[[roster]]", f"metrics = {{ port = {port} }}\n[[roster]]")
    )
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "run", "--config", str(file)], stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr is not None
        said = [child.stderr.readline()]
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert "manyi_build_info" in answer.read().decode()
        child.terminate()
        said += child.stderr.readlines()
        assert child.wait(10) == 0
    for line in map(json.loads, said):
        assert (line["house"], line["who"]) == ("gateway", "371721121-g0")
    everything = "".join(said)
    assert "Tr0ub4dor" not in everything
    assert (tmp_path / "g0.key").read_text().strip() not in everything


def test_a_port_for_prometheus_that_is_in_use_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_key(tmp_path / "g0.key")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        file = write(tmp_path, GOOD.replace("[[roster]]", f"metrics = {{ port = {port} }}\n[[roster]]"))
        assert main(["run", "--config", str(file)]) == 2
    assert capsys.readouterr().err == f"{file}: metrics: 127.0.0.1:{port} cannot be taken: Address already in use\n"


async def test_the_seals_that_it_keeps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, GOOD)
    assert main(["seals", "--config", str(file)]) == 2
    assert "journal.db cannot be read as a gateway's journal" in capsys.readouterr().err

    signer = Signer(b"9" * 32)
    raws = [
        signer.entry(encode(Seal(1, number, "2026-11-26", number, number, NOTHING, NOTHING, 5, CITY)))
        for number in (9, 10)
    ]
    journal = await Shelf.open_sound(tmp_path / "journal.db")
    try:
        await journal.keep({seal_name(10): raws[1], seal_name(9): raws[0], "roster": b"something else"})
        assert main(["seals", "--config", str(file)]) == 0  # (while it runs)
    finally:
        await journal.close()
    kept = read_seals(capsys.readouterr().out, "stdout")
    assert [one.raw for one in kept] == raws

    with closing(sqlite3.connect(tmp_path / "journal.db")) as journal_file:
        journal_file.execute("UPDATE paper SET raw = x'7b' WHERE name = 'seal 9'")
        journal_file.commit()
    assert main(["seals", "--config", str(file)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "journal.db: seal 9 cannot be read: " in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("port = 9 }", 'port = 9, ca = "ca.pem", certificate = "g.pem" }', "/ca.pem: cannot be read as the city's"),
        (
            "store =",
            'city_url = "http://city.example"\nstore =',
            "/gateway.toml: city_url: without `ca` and `certificate`",
        ),
    ],
)
def test_certificates_that_are_not_there_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    file = alone(tmp_path)
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    assert main(["run", "--config", str(file)]) == 2

    line = capsys.readouterr().err
    assert line.startswith(f"{tmp_path}{said}")
    assert line.count("\n") == 1
