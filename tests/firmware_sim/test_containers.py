"""What is laid out for a city whose houses are containers, and what of it each of them finds."""

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from cloud.settings import read as read_cloud
from edge.settings import read as read_edge
from firmware_sim.containers import keys_of, lay
from gateway.__main__ import read as read_gateway


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lay(tmp_path / "demo", windows=24, townships=2, seed=1, per_s=4.0)
    return tmp_path / "demo"


def test_every_house_finds_its_own_and_asks_for_brokers_by_name(folder: Path) -> None:
    city = read_cloud(folder / "cloud" / "cloud.toml")
    assert (city.broker.host, city.http.host, city.least) == ("city-broker", "127.0.0.1", 1)
    townships = set()
    for number in (1, 2):
        gateway = read_gateway(folder / f"gateway-{number}" / "gateway.toml")
        townships.add(gateway.township)
        assert (gateway.node_broker.host, gateway.city_broker.host) == ("township-broker", "city-broker")
        assert gateway.metrics is not None
        node = read_edge(folder / f"node-{number}" / "edge.toml")
        assert node.metrics is not None
        assert node.metrics.port == 9101
        assert (node.node.split("-")[0], node.broker.host) == (gateway.township, "township-broker")
    assert len(townships) == 2


def test_people_press_at_every_node_but_the_one_that_has_a_container(folder: Path) -> None:
    fleets = [json.loads((folder / f"fleet-{number}.json").read_text()) for number in (1, 2)]
    pressed = {node for fleet in fleets for node in fleet["nodes"]}
    alone = {str((folder / f"node-{number}" / "edge.toml").resolve()) for number in (1, 2)}
    assert pressed | alone == {str(file) for file in (folder / "nodes").glob("*/edge.toml")}
    assert not pressed & alone
    assert sum(fleet["per_s"] for fleet in fleets) == pytest.approx(4.0)
    assert {fleet["log"] for fleet in fleets} == {str(folder / "fingers.log")}


def test_keys_are_kept_for_whoever_laid_it_out(folder: Path) -> None:
    assert stat.S_IMODE((folder / "keys.json").stat().st_mode) == 0o600
    assert keys_of(folder).wall != keys_of(folder).operator


def test_a_township_of_one_node_cannot_give_it_away(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="windows: 2 leave one node to"):
        lay(tmp_path / "demo", windows=2, townships=2, seed=1, per_s=1.0)
    done = CliRunner().invoke(app, ["sim", "lay", str(tmp_path / "demo"), "--windows", "4", "--townships", "4"])
    assert (done.exit_code, "leave one node" in done.output) == (2, True)


def test_where_there_is_no_city_nothing_is_judged(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text('{"wall": "a", "operator": "b"}')
    done = CliRunner().invoke(app, ["sim", "judge", str(tmp_path), "--within", "0"])
    assert (done.exit_code, "cannot be judged" in done.output) == (2, True)
