"""The fault simulator in CI: fixed seeds and fresh ones, each clean; and each broken law ends a run with 1.

Longer runs, over all kinds and seeds: `make chaos`. A failure prints the seed; the same seed strikes alike
(docs/faults.md).
"""

import secrets
import sys
from pathlib import Path

import pytest

from firmware_sim.faults import storm
from firmware_sim.faults.breach import BREACHES
from firmware_sim.faults.report import Report
from firmware_sim.faults.run import Options, play

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(420)]

MINUTES = 0.7
# Of a seed that nobody has seen: a few strikes each time come to many over the weeks.
FRESH_MINUTES = 0.4


async def played(options: Options, folder: Path) -> Report:
    """Play; pytest shows what is told here where a test fails."""
    sys.stdout.write(f"manyi sim faults --seed {options.seed} --minutes {options.minutes}\n")

    def tell(line: str) -> None:
        sys.stdout.write(f"{line}\n")

    return await play(options, folder, tell=tell)


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_city_under_faults_loses_nothing_and_every_fault_was_seen(tmp_path: Path, seed: int) -> None:
    report = await played(Options(seed=seed, minutes=MINUTES), tmp_path)
    assert report.clean, f"seed {seed}\n" + "\n".join(report.lines())
    assert report.evidence[0].verdict.settled > 100
    assert len(report.struck) >= 3


@pytest.mark.parametrize("number", [1, 2])
async def test_a_city_under_faults_that_nobody_has_seen_yet_loses_nothing_either(tmp_path: Path, number: int) -> None:
    seed = secrets.randbelow(1 << 31)
    report = await played(Options(seed=seed, minutes=FRESH_MINUTES), tmp_path)
    assert report.clean, f"fresh seed {number} is {seed}\n" + "\n".join(report.lines())
    assert report.struck


async def test_nodes_that_all_reconnect_at_once_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storm, "NODES", 1000)
    report = await played(Options(minutes=1, only=("ten-thousand-reconnect",)), tmp_path)
    assert report.clean, "\n".join(report.lines())
    assert report.evidence[1].verdict.settled == 1000 * storm.BACKLOG


@pytest.mark.parametrize("law", ["ack-before-commit", "reuse-epoch", "trust-wall-clock"])
async def test_a_law_that_is_broken_on_purpose_is_seen(tmp_path: Path, law: str) -> None:
    report = await played(Options(seed=3, minutes=0.25, breach=law, only=BREACHES[law].kinds), tmp_path)
    assert not report.clean
    # Not that a fault saw nothing, or that somebody was slow: a law was seen to be broken.
    assert report.evidence[0].verdict.violations > 0, "\n".join(report.lines())


async def test_a_batch_that_is_cut_again_is_heard(tmp_path: Path) -> None:
    report = await played(Options(seed=4, minutes=0.25, breach="cut-again", only=("delayed-acks",)), tmp_path)
    assert report.recut
    assert not report.clean
