"""Every table of docs/protocol.md says what the code says."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from contract import batch, bundle, hello, identity, rating
from contract.asyncapi import CHANNELS, KINDS
from contract.config import RosterNode, WindowPins
from contract.errors import Reason
from contract.hello import Clock, Stream
from contract.status import NodeHealth
from transport import backoff, dating, disk, greeting, lanes, pace, resting, sender, shelf
from transport.lanes import Limits

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "protocol.md").read_text(encoding="utf-8")


def table(first_heading: str, after: str = "") -> list[list[str]]:
    """The rows of the table whose first column is called `first_heading`, the first one after `after`."""
    lines = TEXT[TEXT.index(after) :].splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {first_heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("| "):
            break
        rows.append([cell.strip() for cell in line.strip("| ").split(" | ")])
    return rows


def test_topics() -> None:
    told = [[cells[0].strip("`"), *cells[1:4], cells[4].replace("`", "").split(), cells[5]] for cells in table("topic")]
    assert told == [
        [found.address, found.broker, found.writer, found.reader, [*found.kinds], "yes" if found.retained else "no"]
        for found in CHANNELS.values()
    ]


def test_kinds_and_who_signs_them() -> None:
    told = {cells[0].strip("`"): cells[1] for cells in table("kind")}
    assert told == {name: kind.signer or "nobody" for name, kind in KINDS.items()}
    assert re.findall(r"^### `(\w+)`$", TEXT, re.MULTILINE) == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_fields_in_their_order_with_their_defaults(kind: str) -> None:
    told = table("field", f"### `{kind}`")
    fields = msgspec.structs.fields(KINDS[kind].struct)
    assert [cells[0].strip("`") for cells in told] == [field.encode_name for field in fields]
    for cells, field in zip(told, fields, strict=True):
        has_default = field.default is not msgspec.NODEFAULT or field.default_factory is not msgspec.NODEFAULT
        assert (" = " in cells[1]) == has_default, field.name
        if has_default:
            default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default  # type: ignore[operator,misc,unused-ignore]
            assert json.loads(cells[1].rpartition(" = ")[2]) == default


@pytest.mark.parametrize("struct", [Stream, Clock, WindowPins, RosterNode, NodeHealth])
def test_parts_of_fields(struct: type[msgspec.Struct]) -> None:
    names = [f'"{field.encode_name}"' for field in msgspec.structs.fields(struct)]
    parts = [re.findall(r'"\w+"', part) for part in re.findall(r"`{(.*?)}`", TEXT)]
    assert names in parts


def test_the_example_is_the_golden_one() -> None:
    golden = json.loads((DOCS / "golden" / "wire.json").read_text(encoding="utf-8"))
    assert f"```\n{golden['entries'][0]['entry']}\n```\n" in TEXT


def test_figures() -> None:
    told = {cells[0].strip("`"): float(cells[1]) for cells in table("figure")}
    known: dict[str, float] = {**Limits._field_defaults}
    for module in (backoff, dating, disk, greeting, lanes, pace, resting, sender, shelf):
        known |= {name: value for name, value in vars(module).items() if isinstance(value, int | float)}
    assert len(told) == 16
    assert told == {name: known[name] for name in told}


def test_reasons() -> None:
    assert [cells[0].strip("`") for cells in table("reason")] == list(Reason)


def test_limits() -> None:
    told = {cells[0].strip("`"): int(cells[1]) for cells in table("limit")}
    assert told == {
        "MAX_PAYLOAD": bundle.MAX_PAYLOAD,
        "MAX_ENTRIES": bundle.MAX_ENTRIES,
        "GZIP_ABOVE": bundle.GZIP_ABOVE,
        "MAX_ROWS": batch.MAX_ROWS,
        "MAX_STREAMS": hello.MAX_STREAMS,
        "MAX_PRESSES": rating.MAX_PRESSES,
        "MAX_NUMBER": batch.MAX_NUMBER,
    }


def test_names() -> None:
    told = {cells[0]: cells[1].strip("`").replace("\\|", "|") for cells in table("name")}
    assert told == {
        "township": identity.TOWNSHIP.pattern,
        "node": identity.NODE.pattern,
        "window": identity.WINDOW.pattern,
        "epoch": identity.EPOCH.pattern,
    }
