"""JSON to structs and back, by msgspec; the one place that knows which kinds there are.

An entry whose JSON begins with `{"kind":"` is of that kind, and `kind` is always its first key; any other entry is a
batch. So a batch needs no word for itself, and a reader can tell before it decodes.
"""

from typing import TypeVar

import msgspec

from contract.ack import Ack, Receipt, Refusal
from contract.batch import Batch
from contract.bundle import Signed
from contract.config import NodeConfig, Roster
from contract.errors import Reason, Refused
from contract.hall import Catalogue, Hall
from contract.hello import Hello, Welcome
from contract.prompt import Answer, Prompt
from contract.seal import Seal
from contract.status import GatewayStatus, NodeStatus

Entry = (
    Hello
    | Welcome
    | Ack
    | Refusal
    | Receipt
    | NodeStatus
    | GatewayStatus
    | NodeConfig
    | Roster
    | Prompt
    | Answer
    | Seal
    | Hall
    | Catalogue
)

_KIND = b'{"kind":"'
_encoder = msgspec.json.Encoder()
_batch = msgspec.json.Decoder(Batch)
_entry: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
# What msgspec raises for bytes it cannot read; RecursionError for a tower of brackets.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_T = TypeVar("_T")


def encode(struct: Batch | Entry) -> bytes:
    """Return the JSON bytes of `struct`; its keys stand in the struct's order, so equal structs give equal bytes."""
    if isinstance(struct, Batch):
        # msgspec leaves out defaults of keys, not those at the end of a row.
        struct = msgspec.structs.replace(struct, rows=[row.written for row in struct.rows])
    return _encoder.encode(struct)


def is_batch(body: bytes) -> bool:
    """Whether the entry `body` is a batch and not one of the named kinds."""
    return not body.startswith(_KIND)


def _check_text(body: bytes) -> None:
    """Refuse bytes that are not UTF-8 also where msgspec skips them: other readers of the ledger would not."""
    if not body.isascii():
        body.decode()


def decode_batch(body: bytes) -> Batch:
    """Read the batch in `body`; raises `Refused` (undecodable) saying what is wrong with it."""
    try:
        _check_text(body)
        return _batch.decode(body)
    except _UNREADABLE as bad:
        raise Refused(Reason.UNDECODABLE, f"batch: {bad}") from bad


def stored_batch(raw: bytes) -> Batch:
    """Read the batch in `raw`, a signed entry as shelf and ledger keep it; raises `Refused` as `decode_batch`."""
    return decode_batch(Signed.of(raw).body)


def decode(body: bytes) -> Entry:
    """Read the entry in `body`; raises `Refused` (undecodable) saying what is wrong with it."""
    if is_batch(body):
        raise Refused(Reason.UNDECODABLE, f"entry: expected {_KIND.decode()} at its begin")
    try:
        _check_text(body)
        return _entry.decode(body)
    except _UNREADABLE as bad:
        raise Refused(Reason.UNDECODABLE, f"entry: {bad}") from bad


def decode_as(body: bytes, kind: type[_T]) -> _T:
    """Read the entry in `body`, which must be a `kind`; raises `Refused` (undecodable) otherwise."""
    entry = decode(body)
    if not isinstance(entry, kind):
        raise Refused(Reason.UNDECODABLE, f"expected {kind.__name__}, got {type(entry).__name__}")
    return entry
