"""A seal on the wire: what cannot be one is refused where it is read."""

import msgspec
import pytest

from contract.codec import decode_as, encode
from contract.errors import Refused
from contract.seal import NOTHING, Seal
from contract.signing import Signer

GOOD = Seal(1, 2, "2026-11-26", 5, 9, "1a" * 32, NOTHING, 7, Signer(b"c" * 32).public)


def test_it_is_read_as_it_was_written() -> None:
    assert decode_as(encode(GOOD), Seal) == GOOD
    assert encode(GOOD).startswith(b'{"kind":"seal","v":1,"number":2,')


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"last": 4}, "runs from its first position to its last, got 5..4"),
        ({"by": "A" * 42 + "B"}, "a public key is 32 bytes"),
        ({"root": "1A" * 32}, "root"),
        ({"day": "2026-11-6"}, "day"),
        ({"number": 0}, "number"),
    ],
)
def test_what_is_no_seal(fields: dict[str, object], said: str) -> None:
    told = msgspec.json.decode(encode(GOOD)) | fields
    with pytest.raises(Refused, match=said):
        decode_as(msgspec.json.encode(told), Seal)
