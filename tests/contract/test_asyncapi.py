"""The AsyncAPI document: made from the structs, committed, and complete in itself."""

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest

from contract import codec, topics
from contract.asyncapi import CHANNELS, KINDS, document
from contract.batch import Batch

DOCS = Path(__file__).parents[2] / "docs"
COMMITTED: dict[str, Any] = json.loads((DOCS / "asyncapi.json").read_text(encoding="utf-8"))
WIRE: dict[str, Any] = json.loads((DOCS / "golden" / "wire.json").read_text(encoding="utf-8"))


def references(part: object) -> list[str]:
    if isinstance(part, list):
        return [found for inner in part for found in references(inner)]
    if not isinstance(part, dict):
        return []
    below = [found for inner in part.values() for found in references(inner)]
    return [part["$ref"], *below] if "$ref" in part else below


def resolve(reference: str) -> Any:  # noqa: ANN401 (JSON)
    here: Any = COMMITTED
    for step in reference.removeprefix("#/").split("/"):
        here = here[step]
    return here


def test_the_committed_file_is_what_the_code_makes() -> None:
    assert document() == COMMITTED, "run .venv/bin/python docs/build.py"


def test_every_reference_leads_somewhere() -> None:
    found = references(COMMITTED)
    assert len(found) > 50
    for reference in found:
        assert isinstance(resolve(reference), dict), reference


def test_it_has_the_structure_of_asyncapi_3() -> None:
    assert COMMITTED["asyncapi"] == "3.0.0"
    assert set(COMMITTED) == {
        *("asyncapi", "info", "defaultContentType", "servers", "channels", "operations", "components")
    }
    assert {"title", "version"} <= set(COMMITTED["info"])
    for server in COMMITTED["servers"].values():
        assert {"host", "protocol"} <= set(server)
    for channel in COMMITTED["channels"].values():
        assert set(channel) == {"address", "description", "servers", "parameters", "messages"}
        assert all(f"{{{name}}}" in channel["address"] for name in channel["parameters"])
    for operation in COMMITTED["operations"].values():
        assert operation["action"] in {"send", "receive"}
        reference = operation["channel"]["$ref"]
        assert all(message["$ref"].startswith(f"{reference}/messages/") for message in operation["messages"])


def test_every_topic_and_every_kind_is_there() -> None:
    leaves = [topics.node("{node}", leaf) for leaf in get_args(topics.NodeLeaf)]
    leaves += [
        topics.township("371721121", leaf).replace("371721121", "{township}").replace("371721", "{county}")
        for leaf in get_args(topics.TownshipLeaf)
    ]
    assert [channel.address for channel in CHANNELS.values()] == leaves
    assert {kind.struct for kind in KINDS.values()} == {Batch, *get_args(codec.Entry)}
    assert {name for channel in CHANNELS.values() for name in channel.kinds} == set(KINDS)
    for name, kind in KINDS.items():
        assert kind.struct.__struct_config__.tag == (None if name == "batch" else name)


def test_every_channel_is_sent_by_one_end_and_received_by_the_other() -> None:
    for name in CHANNELS:
        ends = [found for found in COMMITTED["operations"].values() if found["channel"]["$ref"].endswith(f"/{name}")]
        assert sorted(end["action"] for end in ends) == ["receive", "send"]
        assert [end["bindings"]["mqtt"].get("retain") for end in ends if end["action"] == "send"] == [
            CHANNELS[name].retained
        ]


def valid(kind: str, fields: object) -> bool:
    schema = {"$ref": f"#/components/schemas/{KINDS[kind].struct.__name__}", "components": COMMITTED["components"]}
    return bool(jsonschema.Draft7Validator(schema).is_valid(fields))


@pytest.mark.parametrize("example", WIRE["entries"], ids=[example["name"] for example in WIRE["entries"]])
def test_the_schemas_take_the_golden_examples(example: dict[str, Any]) -> None:
    assert valid(example["kind"], example["fields"])


@pytest.mark.parametrize("example", WIRE["accepted"], ids=[example["name"] for example in WIRE["accepted"]])
def test_the_schemas_take_what_version_1_must_take(example: dict[str, Any]) -> None:
    assert valid("batch", json.loads(example["entry"].partition("\n")[0]))


@pytest.mark.parametrize(
    "changed",
    [
        {"v": 2},
        {"node": "371721121-A1"},
        {"epoch": "short"},
        {"first": 0},
        {"q": 3},
        {"rows": []},
        {"rows": [[0, "01", 4, 1]]},
        {"rows": [[0, "01", 3]]},
        {"rows": [["0", "01", 3, 1]]},
        {"bounds": [1, 2, 3]},
    ],
)
def test_the_schemas_refuse_what_the_code_refuses(changed: dict[str, object]) -> None:
    fields = {**WIRE["entries"][0]["fields"], **changed}
    assert not valid("batch", fields)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields, Batch)


@pytest.mark.parametrize(
    ("pin", "there"), [(0, True), (27, True), (28, False), (100, True), (115, True), (116, False), (815, True)]
)
def test_the_schemas_know_which_lines_there_are(pin: int, there: bool) -> None:  # noqa: FBT001
    window = {"id": "01", "satisfied": pin, "basic": 4, "dissatisfied": 5, "light_basic": None}
    config = {"kind": "config", "node": "371721121-a1", "version": 1, "settle_ms": 0, "cooldown_ms": 0}
    assert valid("config", {**config, "windows": [window]}) == there
    assert valid("config", {**config, "windows": [{**window, "satisfied": 6, "light_basic": pin}]}) == there
