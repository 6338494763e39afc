"""The alert rules speak of figures that exist, and fire when they should.

Each name, label and value in them stands in what a real city, gateway or node answers. What they say of made-up figures
is asked of promtool, the checker that comes with Prometheus.
"""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, get_args
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml

from cloud.health.rules import Device, State
from firmware_sim.cityplan import lay_out
from firmware_sim.premises import Wires, build
from firmware_sim.servers.daemon import free_port

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
NAME = re.compile(r"\bmanyi_[a-z0-9_]+")
SELECTOR = re.compile(r"\b(manyi_[a-z0-9_]+)\{([^}]*)\}")
GROUPED = re.compile(r"\bby \(([^)]*)\) \([^()]*(?:\w+\()?(manyi_[a-z0-9_]+)")
# A city without a broker has no devices to tell of; what it would say of them is in the type.
OF_DEVICES = {"kind": {"node", "gateway"}, "state": set(get_args(State))}
SEVERITIES = {"critical", "warning", "notice"}


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


@contextmanager
def house(name: str, config: Path, log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        child = subprocess.Popen([sys.executable, "-m", name, "run", "--config", config], stdout=out, stderr=out)
    try:
        yield
    finally:
        child.terminate()
        child.wait(15)


def scraped(port: int) -> str:
    for _ in range(200):
        try:
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                text: str = answer.read().decode()
                # Before a house is ready it tells its version alone.
                if text.count("# TYPE manyi_") > 1:
                    return text
        except (URLError, TimeoutError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"nobody answers on port {port}")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What each house tells Prometheus; there is no broker and no InfluxDB, which is no reason to say nothing."""
    folder = tmp_path_factory.mktemp("houses")
    ports = {name: free_port() for name in ("cloud", "gateway", "edge")}
    closed = free_port()
    plan = lay_out(["371721121"], windows=1, townships=1, seed=1)
    premises = build(plan, folder / "city", wires=Wires(closed, closed, ports["cloud"]))
    files = {"cloud": premises.cloud, "gateway": premises.gateways[0], "edge": premises.nodes[0]}
    (folder / "city" / "cloud" / "token").write_text("manyi:secret")
    (folder / "city" / "cloud" / "token").chmod(0o600)
    with files["cloud"].open("a") as more:
        more.write(f'\n[series]\nkind = "influx"\nurl = "http://127.0.0.1:{closed}"\ntoken_file = "token"\n')
    for name in ("gateway", "edge"):
        files[name].write_text(f"metrics = {{ port = {ports[name]} }}\n{files[name].read_text()}")
    with ExitStack() as stack:
        for name, file in files.items():
            stack.enter_context(house(name, file, folder / f"{name}.log"))
        yield {name: scraped(ports[name]) for name in files}


def names(text: str) -> set[str]:
    """The names that a query may use of what was answered."""
    found: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        found |= {f"{name}{tail}" for tail in ("_bucket", "_sum", "_count")} if kind == "histogram" else {name}
    return found


def test_every_figure_that_a_rule_uses_is_told_by_a_running_house(answers: dict[str, str]) -> None:
    told = set().union(*map(names, answers.values()))
    used = {name for rule in rules() for name in NAME.findall(rule["expr"])}
    assert len(used) > 20
    assert used - told == set()


def labels(answers: dict[str, str]) -> dict[str, dict[str, set[str]]]:
    """By name, the labels that were answered with their values; `instance` is Prometheus' own."""
    found: dict[str, dict[str, set[str]]] = {"manyi_devices": OF_DEVICES}
    for name, said in re.findall(r"^(manyi_\w+)(?:\{(.*)\})? \S+$", "\n".join(answers.values()), re.MULTILINE):
        for label, value in re.findall(r'(\w+)="([^"]*)"', said):
            found.setdefault(name, {}).setdefault(label, set()).add(value)
    return found


def test_every_label_and_value_that_a_rule_asks_for_is_told_by_a_running_house(answers: dict[str, str]) -> None:
    told = labels(answers)
    assert set(OF_DEVICES) < set(Device.__struct_fields__)
    asked = grouped = 0
    for rule in rules():
        for name, selector in SELECTOR.findall(rule["expr"]):
            for label, value in re.findall(r'(\w+)!?="([^"]*)"', selector):
                assert value in told[name][label], rule["alert"]
                asked += 1
        for by, name in GROUPED.findall(rule["expr"]):
            assert {*by.split(", ")} <= {"instance", *told.get(name, {})}, rule["alert"]
            grouped += 1
    assert asked >= 8
    assert grouped == sum(rule["expr"].count(" by (") for rule in rules()) >= 10


def test_the_rules_fire_when_they_should_and_not_otherwise() -> None:
    stories = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text(encoding="utf-8"))["tests"]
    fired = set(re.findall(r'alertname="(\w+)"', str(stories)))
    assert fired == {rule["alert"] for rule in rules()}
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is not installed: .ci/system takes it from Debian's package prometheus"
    for words in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]):
        run = subprocess.run([promtool, *words], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr


def test_no_house_tells_of_a_window_or_a_level(answers: dict[str, str]) -> None:
    labels = {name for text in answers.values() for name in re.findall(r'[{,](\w+)="', text)}
    assert labels & {"reason", "state", "link", "le"} == {"reason", "state", "link", "le"}
    assert labels & {"window", "level", "node", "township", "channel"} == set()


@pytest.mark.parametrize("name", ["cloud", "gateway", "edge"])
def test_each_house_tells_of_its_process_and_its_version(answers: dict[str, str], name: str) -> None:
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "manyi_build_info"} <= names(answers[name])


def test_every_rule_says_how_bad_it_is_what_is_wrong_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in SEVERITIES, rule["alert"]
        assert set(rule["annotations"]) == {"summary", "runbook"}, rule["alert"]
        for text in rule["annotations"].values():
            assert len(text.split()) > 4, rule["alert"]
            assert "\n" not in text, rule["alert"]
    alerts = [rule["alert"] for rule in rules()]
    assert len(alerts) == len(set(alerts)) >= 20


def test_the_example_loads_the_rules_and_scrapes_under_the_names_they_use() -> None:
    example = yaml.safe_load((FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))
    assert [(FOLDER / file).is_file() for file in example["rule_files"]] == [True]
    jobs = {scrape["job_name"] for scrape in example["scrape_configs"]}
    assert {job for rule in rules() for job in re.findall(r'job="([^"]+)"', rule["expr"])} <= jobs
