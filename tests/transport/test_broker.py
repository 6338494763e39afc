"""Where brokers are: one address, or the nodes of a cluster."""

from pathlib import Path

import pytest

from contract.errors import SettingsError
from contract.settings import parse
from transport.broker import Broker


def test_a_cluster_is_its_first_address_and_the_others() -> None:
    text = 'host = "10.0.0.1"\nport = 1884\nalso = ["10.0.0.2:1885", "[::1]:1886", "broker-3:1887"]\n'

    broker = parse(text, Broker, file="city.toml")

    assert broker.addresses == [("10.0.0.1", 1884), ("10.0.0.2", 1885), ("::1", 1886), ("broker-3", 1887)]


@pytest.mark.parametrize("also", ["10.0.0.2", "10.0.0.2:", "10.0.0.2:0", "10.0.0.2:70000", "a b:1883", ":1883"])
def test_an_address_without_host_or_port_is_refused(also: str) -> None:
    with pytest.raises(SettingsError, match=r"city\.toml: .*also"):
        parse(f'host = "10.0.0.1"\nalso = ["{also}"]\n', Broker, file="city.toml")


def test_the_lowest_and_the_highest_port_are_ports() -> None:
    text = 'host = "a"\nport = 1\nalso = ["b:1", "c:65535"]\n'
    assert parse(text, Broker, file="city.toml").addresses == [("a", 1), ("b", 1), ("c", 65535)]


def test_the_password_file_stands_beside_the_settings(tmp_path: Path) -> None:
    broker = parse('host = "h"\npassword_file = "p"\n', Broker, file="city.toml")

    assert broker.seen_from(tmp_path).password_file == str(tmp_path / "p")
    assert Broker("h").seen_from(tmp_path).password_file is None


def test_certificates_stand_beside_the_settings_and_the_key_is_the_devices_own(tmp_path: Path) -> None:
    broker = parse('host = "h"\nca = "ca.pem"\ncertificate = "c.pem"\n', Broker, file="city.toml")

    seen = broker.seen_from(tmp_path, key="node.key")
    assert (seen.ca, seen.certificate, seen.key) == tuple(str(tmp_path / f) for f in ("ca.pem", "c.pem", "node.key"))
    other = parse('host = "h"\nca = "ca.pem"\ncertificate = "c.pem"\nkey = "k"\n', Broker, file="city.toml")
    assert other.seen_from(tmp_path, key="node.key").key == str(tmp_path / "k")
    assert Broker("h").seen_from(tmp_path, key="node.key") == Broker("h")


@pytest.mark.parametrize("alone", ["ca", "certificate"])
def test_nobody_trusts_without_a_certificate_or_shows_one_to_anybody(alone: str) -> None:
    with pytest.raises(SettingsError, match=r"city\.toml: .*ca and certificate belong together"):
        parse(f'host = "h"\n{alone} = "file.pem"\n', Broker, file="city.toml")
