"""A store that one process writes is nobody else's to write, until that process is gone, however it went."""

import errno
import fcntl
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from contract.batch import StreamKey
from contract.errors import SettingsError, StoreFull
from contract.rating import Quality
from contract.signing import Signer
from transport.dating import Dated
from transport.lock import locked
from transport.outbox import Outbox, Settled
from transport.salvage import salvage
from transport.shelf import Shelf
from transport.whereabouts import find

NODE, EPOCH = "371721121-a1", "AAAAAAAAAA"
_HOLDER = """
import asyncio, pathlib, sys
from transport.outbox import Outbox
async def hold():
    outbox = await Outbox.open_sound(pathlib.Path(sys.argv[1]), reserve=0)
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await outbox.close()
asyncio.run(hold())
"""


@contextmanager
def another_process(store: Path) -> Iterator["subprocess.Popen[str]"]:
    """It has the store open."""
    command = [sys.executable, "-c", _HOLDER, str(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        yield child


async def filled(store: Path) -> None:
    outbox = await Outbox.open(store, reserve=0)
    await outbox.begin(StreamKey(NODE, EPOCH), Signer(bytes(32)), "boot")
    await outbox.append(Settled("01", 3, 1, 5, Dated(1_763_784_000_000, Quality.SYNCHRONISED, 3)), cut=True)
    await outbox.close()


@pytest.mark.parametrize("kind", [Outbox, Shelf])
@pytest.mark.parametrize("way", ["open", "open_sound"])
async def test_what_another_process_has_open_is_not_opened(tmp_path: Path, kind: type[Shelf], way: str) -> None:
    store = tmp_path / "outbox.db"
    with another_process(store):
        with pytest.raises(SettingsError) as said:
            await getattr(kind, way)(store, reserve=0)
        assert str(said.value) == (
            f"{store} is in use by another process (`fuser {store}-lock` names it); "
            "stop that one, or give this one a store of its own"
        )


async def test_a_store_in_use_is_not_even_looked_at_for_damage(tmp_path: Path) -> None:
    store = tmp_path / "outbox.db"
    with another_process(store):
        whole = store.read_bytes()
        # As a reader may find it in the middle of a write.
        store.write_bytes(b"half a page")
        with pytest.raises(SettingsError):
            await Outbox.open_sound(store, reserve=0)
        assert not list(store.parent.glob("*damaged*"))
        store.write_bytes(whole)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_whoever_is_killed_holds_nothing(tmp_path: Path, number: signal.Signals) -> None:
    store = tmp_path / "outbox.db"
    with another_process(store) as child:
        child.send_signal(number)
        child.wait(10)
        await (await Outbox.open(store, reserve=0)).close()


async def test_it_is_held_until_it_is_closed_and_no_longer(tmp_path: Path) -> None:
    store = tmp_path / "outbox.db"
    outbox = await Outbox.open(store, reserve=0)
    with pytest.raises(SettingsError):
        await Outbox.open(store, reserve=0)
    await outbox.close()
    await (await Outbox.open(store, reserve=0)).close()


async def test_a_store_that_could_not_be_opened_is_not_held(tmp_path: Path) -> None:
    store = tmp_path / "outbox.db"
    store.write_bytes(b"rubbish" * 2000)
    for _ in range(2):
        with pytest.raises(Exception, match="not a database"):
            await Outbox.open(store, reserve=0)


async def test_a_store_begun_anew_after_damage_is_held(tmp_path: Path) -> None:
    store = tmp_path / "outbox.db"
    store.write_bytes(b"rubbish" * 2000)
    outbox = await Outbox.open_sound(store, reserve=0)
    with pytest.raises(SettingsError):
        await Outbox.open(store, reserve=0)
    await outbox.close()


async def test_a_link_to_a_store_is_the_same_store(tmp_path: Path) -> None:
    store = tmp_path / "outbox.db"
    link = store.with_name("link.db")
    link.symlink_to(store)
    outbox = await Outbox.open(store, reserve=0)
    with pytest.raises(SettingsError):
        await Outbox.open(link, reserve=0)
    await outbox.close()


async def test_a_copied_card_is_a_store_of_its_own(tmp_path: Path) -> None:
    store = tmp_path / "outbox.db"
    outbox = await Outbox.open(store, reserve=0)
    card = store.parent / "card"
    card.mkdir()
    for part in store.parent.glob("outbox.db*"):
        (card / part.name).write_bytes(part.read_bytes())
    await (await Outbox.open(card / store.name, reserve=0)).close()
    await outbox.close()


async def test_whoever_only_reads_is_not_hindered(tmp_path: Path) -> None:
    store = tmp_path / "outbox.db"
    await filled(store)
    with another_process(store):
        assert [found.state for found in find(store, NODE, 1, numbers=True)] == ["cut"]
        assert len(salvage(store).rows["batch"]) == 1
        with pytest.raises(SettingsError):
            await Outbox.open(store, reserve=0)


def test_who_has_patience_gets_a_lock_that_is_let_go_meanwhile(tmp_path: Path) -> None:
    store = tmp_path / "crl.pem"
    held = ExitStack()
    held.enter_context(locked(store))
    with pytest.raises(SettingsError, match="in use by another process"), locked(store, patience_s=0.05):
        pass
    with ThreadPoolExecutor(1) as other:

        def take() -> bool:
            with locked(store, patience_s=30.0):
                return True

        waiting = other.submit(take)
        with pytest.raises(TimeoutError):
            waiting.result(0.1)
        held.close()
        assert waiting.result(30)


def test_where_no_lock_can_be_made(tmp_path: Path) -> None:
    with pytest.raises(StoreFull, match="unable to open its lock"), locked(tmp_path / "nowhere" / "outbox.db"):
        pass


async def test_a_disk_that_knows_no_locks_is_said_and_nothing_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network disks: without a lock nobody could say that no other process writes."""

    def unable(_lock: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unable)
    store = tmp_path / "outbox.db"
    with pytest.raises(StoreFull) as said:
        await Outbox.open(store, reserve=0)
    assert f"{store}: its lock {store}-lock cannot be taken: No locks available" in str(said.value)
    assert not store.exists()


def test_a_lock_that_root_takes_first_is_left_to_whose_folder_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr("os.fchown", lambda _lock, user, group: given.append((user, group)))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with locked(tmp_path / "outbox.db"):
        pass
    assert given == [(tmp_path.stat().st_uid, -1)]
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with locked(tmp_path / "outbox.db"):
        pass
    assert len(given) == 1
