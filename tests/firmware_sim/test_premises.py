import json
import stat
import tomllib
from pathlib import Path

import pytest

from cloud.settings import read as read_cloud
from contract.signing import public_key
from edge.settings import Timing
from edge.settings import read as read_edge
from firmware_sim.cityplan import TownshipPlan, lay_out
from firmware_sim.premises import Habits, Premises, Stores, Wires, build, toml
from gateway.__main__ import read as read_gateway
from transport.keys import read_key

CODES = ["371721121", "371722100", "371702001"]
WIRES = Wires(city_broker=1884, node_broker=1883, http=8123)


@pytest.fixture
def plan() -> list[TownshipPlan]:
    return lay_out(CODES, windows=14, townships=2, seed=1)


@pytest.fixture
def built(plan: list[TownshipPlan], tmp_path: Path) -> Premises:
    return build(plan, tmp_path / "city", wires=WIRES, habits=Habits(settle_s=0.1, cooldown_s=0.2, least=7))


def test_every_house_can_read_what_was_written_for_it(built: Premises) -> None:
    city = read_cloud(built.cloud)
    assert (city.http.host, city.http.port, city.broker.port, city.least) == ("127.0.0.1", 8123, 1884, 7)
    assert Path(city.database) == built.database
    assert city.clock == "trusted"
    city_key = read_key(Path(city.key)).public
    for path in built.gateways:
        gateway = read_gateway(path)
        assert (gateway.node_broker.port, gateway.city_broker.port) == (1883, 1884)
        assert gateway.city_key == city_key
        assert gateway.shared_broker
        read_key(Path(gateway.key))
    for path in built.nodes:
        node = read_edge(path)
        assert node.pins == "mock"
        assert node.timing == Timing(settle_s=0.1, cooldown_s=0.2)
        assert node.city_key == city_key
        assert node.broker.port == 1883


def test_a_city_on_servers_is_told_where_they_are(plan: list[TownshipPlan], tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret")
    stores = Stores("postgresql://manyi@127.0.0.1:5433/manyi", password)
    wires = WIRES._replace(also=("127.0.0.1:1885", "127.0.0.1:1886"))
    built = build(plan, tmp_path / "city", wires=wires, stores=stores)
    city = read_cloud(built.cloud)
    assert (city.database, city.database_password_file) == (stores.database, str(password))
    expected = [("127.0.0.1", port) for port in (1884, 1885, 1886)]
    assert list(city.broker.addresses) == expected
    for path in built.gateways:
        assert list(read_gateway(path).city_broker.addresses) == expected
        assert list(read_gateway(path).node_broker.addresses) == [("127.0.0.1", 1883)]


def test_registration_roster_and_keys_agree(built: Premises, plan: list[TownshipPlan]) -> None:
    registered = json.loads(built.registration.read_text())
    by_node = {entry["node"]: entry for entry in registered["nodes"]}
    assert set(by_node) == {node.name for town in plan for node in town.nodes}
    for path in built.nodes:
        node = read_edge(path)
        assert by_node[node.node]["key"] == read_key(Path(node.key)).public
        assert by_node[node.node]["windows"] == [pins.id for pins in node.window]
    roster = {entry.node: entry.key for path in built.gateways for entry in read_gateway(path).roster}
    assert roster == {name: entry["key"] for name, entry in by_node.items()}
    gateways = {read_gateway(path).node: read_key(Path(read_gateway(path).key)).public for path in built.gateways}
    assert gateways == {entry["node"]: entry["key"] for entry in registered["gateways"]}
    keys = [entry["key"] for entry in (*registered["nodes"], *registered["gateways"])]
    assert len(set(keys)) == len(keys)
    assert all(public_key(key) for key in keys)


def test_private_keys_are_the_owners_alone(built: Premises) -> None:
    keys = [*built.cloud.parent.parent.rglob("*.key")]
    assert len(keys) == 1 + len(built.gateways) + len(built.nodes)
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_what_is_written_as_toml_is_read_as_toml() -> None:
    text = toml({"a": 'quo"te', "b": True, "c": 0.5}, one={"d": 1}, many=[{"e": "满意"}, {"e": "f"}], none=[])
    assert tomllib.loads(text) == {
        "a": 'quo"te',
        "b": True,
        "c": 0.5,
        "one": {"d": 1},
        "many": [{"e": "满意"}, {"e": "f"}],
    }
