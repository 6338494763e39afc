"""When a besieged city is at rest: nothing that could still come may be called lost."""

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from firmware_sim import siege
from firmware_sim.box import Box
from firmware_sim.siege import Siege


class Wall:
    """One that shows as much as was seen to be lit: what was committed as its light was killed is in it."""

    total = 10

    async def wait_for(self, total: int, *, within_s: float) -> bool:
        if total <= self.total:
            return True
        await asyncio.sleep(min(within_s, 0.01))
        return False

    async def drift(self) -> list[str]:
        return []


async def done(*, within_s: float) -> bool:
    return within_s > 0


@pytest.fixture
def missed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many lit choices the ledger lacks, from one look to the next; the last stays."""
    looks: list[int] = []

    def gather(*_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(lost=looks.pop(0) if len(looks) > 1 else looks[0])

    monkeypatch.setattr(siege, "gather", gather)
    return looks


def besieged(folder: Path, drain_s: float) -> Siege[Box]:
    log = folder / "fingers.log"
    log.touch()
    box = SimpleNamespace(
        onlooker=Wall(),
        log=log,
        allowed=SimpleNamespace(destroyed=[]),
        premises=SimpleNamespace(database=folder / "manyi.db"),
        ground=SimpleNamespace(postgres=None),
        hush=done,
        feed_series=done,
    )
    return Siege(cast("Box", box), drain_s)


async def test_a_city_is_not_at_rest_while_its_ledger_lacks_what_was_lit(tmp_path: Path, missed: list[int]) -> None:
    missed += [2, 1, 1, 0]
    assert await besieged(tmp_path, 60.0).come_to_rest() == []
    assert missed == [0]


async def test_the_wall_is_followed_while_the_ledger_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    going_on = threading.Event()
    seen_to_go_on: list[bool] = []
    loop = asyncio.get_running_loop()

    def long_ledger(*_: object, **__: object) -> SimpleNamespace:
        loop.call_soon_threadsafe(going_on.set)
        seen_to_go_on.append(going_on.wait(5.0))
        return SimpleNamespace(lost=0)

    monkeypatch.setattr(siege, "gather", long_ledger)
    await besieged(tmp_path, 60.0).come_to_rest()
    assert seen_to_go_on == [True]


async def test_what_never_comes_is_not_waited_for_without_end(tmp_path: Path, missed: list[int]) -> None:
    missed.append(1)
    assert await asyncio.wait_for(besieged(tmp_path, 0.5).come_to_rest(), 10) == []
