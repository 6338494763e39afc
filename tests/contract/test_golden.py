"""The golden file: examples of the wire that any implementation can be held to.

Regenerate with `.venv/bin/python docs/build.py` after a change of the protocol that is meant, and read the difference.
"""

import json
import runpy
from base64 import b64decode
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract import codec, topics
from contract.asyncapi import KINDS
from contract.batch import Batch
from contract.bundle import GZIP_MAGIC, Signed, digest, pack, unpack
from contract.errors import Reason, Refused
from contract.hello import Hello
from contract.signing import Signer, public_key, verify

DOCS = Path(__file__).parents[2] / "docs"
WIRE: dict[str, Any] = json.loads((DOCS / "golden" / "wire.json").read_text(encoding="utf-8"))
KEYS = {name: key["public"] for name, key in WIRE["keys"].items()}
ENTRIES = {example["name"]: example["entry"].encode() for example in WIRE["entries"]}
ROSTER = {WIRE["keys"]["node"]["name"]: public_key(KEYS["node"])}


def examples(part: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", WIRE[part], ids=[example["name"] for example in WIRE[part]])


def payload_of(example: dict[str, Any]) -> bytes:
    if "payload_base64" in example:
        return b64decode(example["payload_base64"], validate=True)
    if "payload_repeated" in example:
        text, times = example["payload_repeated"]
        return str(text).encode() * int(times)
    return str(example["payload"]).encode()


def decode(body: bytes) -> Batch | codec.Entry:
    return codec.decode_batch(body) if codec.is_batch(body) else codec.decode(body)


def check(topic: str, entry: Signed) -> None:
    """The steps of protocol.md, "Checking an arrival"."""
    found = decode(entry.body)
    assert isinstance(found, Batch | Hello), "this was not refused"
    if found.node != topics.writer(topic):
        raise Refused(Reason.WRONG_SENDER, found.node)
    if found.node not in ROSTER:
        raise Refused(Reason.UNKNOWN_NODE, found.node)
    if not entry.signature:
        raise Refused(Reason.UNSIGNED, found.node)
    if not verify(entry.body, entry.signature, ROSTER[found.node]):
        raise Refused(Reason.WRONG_SIGNATURE, found.node)


def arrive(topic: str, payload: bytes) -> tuple[Reason, str]:
    """Why an arrival is refused, and the digest of what was refused."""
    try:
        (entry,) = unpack(payload)
    except Refused as whole:
        return whole.reason, digest(payload)
    with pytest.raises(Refused) as caught:
        check(topic, entry)
    return caught.value.reason, digest(entry.raw)


def test_the_committed_file_is_what_the_script_makes() -> None:
    build = runpy.run_path(str(DOCS / "build.py"))
    made = build["golden"](json.loads(json.dumps(WIRE)))
    for example, again in zip(WIRE["payloads"], made["payloads"], strict=True):
        if "payload_base64" in example:  # another zlib may squeeze otherwise
            again["payload_base64"] = example["payload_base64"]
    assert build["text"](made) == (DOCS / "golden" / "wire.json").read_text(encoding="utf-8")


def test_every_key_is_that_of_its_seed() -> None:
    for key in WIRE["keys"].values():
        assert Signer(bytes.fromhex(key["seed_hex"])).public == key["public"]


def test_every_kind_has_an_example() -> None:
    assert {example["kind"] for example in WIRE["entries"]} == set(KINDS)


@examples("entries")
def test_ours_is_exactly_these_bytes(example: dict[str, Any]) -> None:
    body, _, signature = ENTRIES[example["name"]].partition(b"\n")
    kind = KINDS[example["kind"]]
    assert codec.encode(msgspec.convert(example["fields"], kind.struct)) == body
    assert bool(kind.signer) == bool(signature)
    if signature:
        key = WIRE["keys"][example["signed_by"]]
        assert Signer(bytes.fromhex(key["seed_hex"])).sign(body) == signature


@examples("entries")
def test_these_bytes_are_exactly_ours(example: dict[str, Any]) -> None:
    (entry,) = unpack(ENTRIES[example["name"]])
    found = decode(entry.body)
    assert type(found) is KINDS[example["kind"]].struct
    assert found == msgspec.convert(example["fields"], type(found))
    if example["signed_by"]:
        assert verify(entry.body, entry.signature, public_key(KEYS[example["signed_by"]]))


@examples("payloads")
def test_payloads_hold_their_entries(example: dict[str, Any]) -> None:
    payload = payload_of(example)
    assert [entry.raw for entry in unpack(payload)] == [ENTRIES[name] for name in example["entries"]]
    ours = pack(ENTRIES[name] for name in example["entries"])
    assert ours.startswith(GZIP_MAGIC) == payload.startswith(GZIP_MAGIC)
    if not payload.startswith(GZIP_MAGIC):
        assert ours == payload


@examples("accepted")
def test_what_version_1_must_also_take(example: dict[str, Any]) -> None:
    (entry,) = unpack(example["entry"].encode())
    check("manyi/1/371721121-a1/ratings", entry)
    assert decode(entry.body) == msgspec.convert(example["fields"], Batch)


@examples("refused")
def test_what_must_be_refused(example: dict[str, Any]) -> None:
    assert arrive(example["topic"], payload_of(example)) == (example["reason"], example["digest"])


def test_every_reason_that_needs_no_ledger_has_an_example() -> None:
    needs_a_ledger = {Reason.UNKNOWN_WINDOW, Reason.FUTURE, Reason.CONFLICT}
    assert {example["reason"] for example in WIRE["refused"]} == set(Reason) - needs_a_ledger
