"""The images and compose files as they are written: default deny, whoever reads them. `make test-docker` runs them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

DOCKER = Path(__file__).parents[1] / "docker"
FILES = sorted(DOCKER.glob("compose.*.yml"))
ROLES = ("edge", "gateway", "cloud", "sim")
# What their images do as root before they give it up.
AS_ROOT = {"postgres:15", "influxdb:1.8"}


def composed(file: Path) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return made


SERVICES = [
    pytest.param(file, service, id=f"{file.name}:{name}")
    for file in FILES
    for name, service in composed(file)["services"].items()
]


def test_there_is_one_for_each_place() -> None:
    assert [file.name for file in FILES] == [f"compose.{place}.yml" for place in ("city", "demo", "edge", "township")]


@pytest.mark.parametrize(("file", "service"), SERVICES)
def test_a_container_has_no_more_than_it_needs(file: Path, service: dict[str, Any]) -> None:
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert service.get("network_mode") != "host"
    if service["image"] not in AS_ROOT:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["image"].startswith("manyi-") or service["user"] != "root"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_file_holds_a_password(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"(PASSWORD|TOKEN|SECRET)\w*: (?!/run/secrets/)", text)


def test_the_demo_is_published_to_this_machine_alone() -> None:
    ports = [
        port
        for service in composed(DOCKER / "compose.demo.yml")["services"].values()
        for port in service.get("ports", [])
    ]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_stores_and_townships_are_reached_by_whom_they_are_for() -> None:
    city, demo = composed(DOCKER / "compose.city.yml"), composed(DOCKER / "compose.demo.yml")
    assert city["networks"]["stores"]["internal"]
    for name in ("database", "series"):
        assert city["services"][name]["networks"] == ["stores"]
        assert "ports" not in city["services"][name]
    for number in (1, 2):
        assert demo["networks"][f"township-{number}"]["internal"]
        assert demo["services"][f"windows-{number}"]["networks"] == [f"township-{number}"]
        assert demo["services"][f"node-{number}"]["networks"] == [f"township-{number}"]


@pytest.mark.parametrize("role", ROLES)
def test_an_image_runs_as_nobody_in_particular_from_what_was_built_before(role: str) -> None:
    text = (DOCKER / f"{role}.Dockerfile").read_text(encoding="utf-8")
    last = text.split("\nFROM ")[-1]
    assert "\nUSER manyi\n" in last
    assert not re.search(r"\b(pip|apt-get|gcc|build-essential)\b", last)
    assert "--require-hashes --only-binary :all:" in text
    assert ("\nHEALTHCHECK" in last) is (role != "sim")
