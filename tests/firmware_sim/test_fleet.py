import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_sim.cityplan import TownshipPlan, lay_out
from firmware_sim.fingerlog import choices, read
from firmware_sim.premises import Habits, Premises, Wires, build

# Nobody listens at these ports: a node needs no broker to take ratings.
NOBODY = Wires(city_broker=9, node_broker=9, http=9)


@pytest.fixture
def plan() -> list[TownshipPlan]:
    return lay_out(["371721121", "371702001"], windows=6, townships=2, seed=1)


@pytest.fixture
def premises(plan: list[TownshipPlan], tmp_path: Path) -> Premises:
    return build(plan, tmp_path / "city", wires=NOBODY, habits=Habits(settle_s=0.1, cooldown_s=0.1))


class FleetRun:
    """A fleet in a process of its own."""

    def __init__(self, premises: Premises, folder: Path) -> None:
        self.log = folder / "fingers.log"
        spec = folder / "fleet.json"
        spec.write_text(
            json.dumps({"nodes": [str(path) for path in premises.nodes], "log": str(self.log), "per_s": 6.0})
        )
        self.child = subprocess.Popen(
            [sys.executable, "-m", "firmware_sim.fleet", str(spec)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def says(self) -> bytes:
        assert self.child.stdout is not None
        return self.child.stdout.readline()

    def end(self) -> None:
        self.child.kill()
        self.child.communicate()


@pytest.fixture
def fleet(premises: Premises, tmp_path: Path) -> Iterator[FleetRun]:
    run = FleetRun(premises, tmp_path)
    yield run
    run.end()


def test_people_come_press_see_their_light_and_go(fleet: FleetRun, plan: list[TownshipPlan]) -> None:
    assert fleet.says() == b"ready\n"
    time.sleep(3)
    fleet.child.send_signal(signal.SIGUSR1)
    assert fleet.says() == b"quiet\n"
    made = choices(read(fleet.log))
    assert len(made) >= 8
    assert all(choice.lit is not None for choice in made)
    windows = {name for town in plan for node in town.nodes for name in node.windows}
    assert {choice.window for choice in made} <= windows
    assert len({choice.window for choice in made}) >= 4
    fleet.child.send_signal(signal.SIGTERM)
    assert fleet.child.wait(5) == 0
    assert fleet.child.stderr is not None
    assert {json.loads(line)["level"] for line in fleet.child.stderr} <= {"info"}


def test_sigterm_alone_stops_it_at_once(fleet: FleetRun) -> None:
    assert fleet.says() == b"ready\n"
    time.sleep(1)
    begin = time.monotonic()
    fleet.child.send_signal(signal.SIGTERM)
    assert fleet.child.wait(10) == 0
    assert time.monotonic() - begin < 5


def test_whoever_saw_a_light_before_a_kill_finds_the_rating_on_disk(
    fleet: FleetRun, premises: Premises, tmp_path: Path
) -> None:
    assert fleet.says() == b"ready\n"
    time.sleep(2.5)
    fleet.child.kill()
    fleet.child.wait()
    first = choices(read(fleet.log))
    lit = [choice for choice in first if choice.lit is not None]
    assert len(lit) >= 5
    assert _on_disk(premises) >= len(lit)
    again = FleetRun(premises, tmp_path)  # the same files once more
    try:
        assert again.says() == b"ready\n"
        time.sleep(2.5)
        again.child.send_signal(signal.SIGTERM)
        assert again.child.wait(5) == 0
    finally:
        again.end()
    both = choices(read(fleet.log))
    assert [choice.id for choice in both[: len(first)]] == [choice.id for choice in first]
    assert len(both) > len(first)
    assert _on_disk(premises) >= sum(choice.lit is not None for choice in both)


def _on_disk(premises: Premises) -> int:
    """Ratings in all outboxes that no batch was cut of; without a time none can be cut."""
    kept = 0
    for path in premises.nodes:
        with sqlite3.connect(path.parent / "outbox.db") as outbox:
            kept += outbox.execute("SELECT count(*) FROM rating").fetchone()[0]
        outbox.close()
    return kept


@pytest.mark.parametrize("text", ["", "{}", '{"nodes":[],"log":"x","typo":1}'])
def test_a_wrong_spec_is_one_line_and_exit_code_2(tmp_path: Path, text: str) -> None:
    spec = tmp_path / "fleet.json"
    spec.write_text(text)
    run = subprocess.run([sys.executable, "-m", "firmware_sim.fleet", str(spec)], capture_output=True, check=False)
    assert run.returncode == 2
    assert run.stderr.count(b"\n") == 1
