"""Law 12: one way to do each thing. A second hop, store, ledger or score beside the first one fails here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge.uplink
import gateway.forwarder
import gateway.post
import gateway.reception
import transport.receiver
import transport.sender
import transport.shelf
from transport.outbox import Outbox

ROOT = Path(__file__).parents[1]
HOUSES = ("edge", "gateway", "cloud", "transport", "proof", "contract")


def trees(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield str(file.relative_to(ROOT)), ast.parse(file.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def who_imports(library: str, *folders: str) -> set[str]:
    return {file for file, tree in trees(*folders) if library in imported(tree)}


def who_defines(name: str) -> set[str]:
    return {
        file
        for file, tree in trees(*HOUSES)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    }


def test_node_and_gateway_hand_on_by_the_very_same_hop() -> None:
    assert vars(edge.uplink)["Sender"] is vars(gateway.forwarder)["Sender"] is transport.sender.Sender
    assert vars(gateway.reception)["Receiver"] is transport.receiver.Receiver
    assert vars(gateway.post)["Shelf"] is transport.shelf.Shelf
    assert issubclass(Outbox, transport.shelf.Shelf)


def test_only_the_hop_speaks_mqtt_and_only_the_disk_module_keeps_a_houses_file() -> None:
    assert who_imports("paho", *HOUSES) == {"transport/link.py"}
    # Salvage reads what is left of a damaged store, and who prints seals a journal in use; only the disk module writes.
    readers = {"transport/disk.py", "transport/shelf.py", "transport/salvage.py", "gateway/seals.py"}
    assert who_imports("sqlite3", "edge", "gateway", "transport") <= readers
    assert who_imports("aiosqlite", "edge", "gateway", "transport") == {"transport/disk.py"}


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("Sender", "transport/sender.py"),
        ("Receiver", "transport/receiver.py"),
        ("Lanes", "transport/lanes.py"),
        ("Committer", "cloud/ingest/committer.py"),
        ("percent", "proof/scores.py"),
        ("interval", "proof/scores.py"),
        ("coefficient", "proof/coefficient.py"),
        ("corrected", "proof/coefficient.py"),
        ("decode_batch", "contract/codec.py"),
        ("verify", "contract/signing.py"),
        ("unpack", "contract/bundle.py"),
    ],
)
def test_it_is_written_once(name: str, home: str) -> None:
    assert who_defines(name) == {home}


def test_ledger_rows_are_written_by_one_statement_of_one_module() -> None:
    writers = {
        file
        for file, tree in trees("cloud", "proof")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "INSERT INTO ledger_entry" in node.value
    }
    assert writers == {"cloud/ledger/store.py"}
