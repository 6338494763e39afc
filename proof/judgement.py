"""A judgement: what two auditors decided about a flag, and which ratings it is about. Pure.

Both sign exactly the same line of JSON, each under a name of their own: a line `NAME SIGNATURE` follows it for each.
The newest judgement of a flag is the one that counts, and names the one before it, so that none is filed twice and
nobody overturns what they have not seen.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec

from contract.batch import EpochName, Millis, NodeName, Number, StreamKey
from contract.bundle import Signed
from contract.errors import Reason, Refused
from contract.identity import WINDOW, whole, window_id
from contract.keys import Key, Keys, signed
from contract.ranges import Ranges
from contract.seal import NOTHING, Day, Sum
from contract.signing import Signer

# It begins with a letter, so it is no node's.
AUDITOR = re.compile(r"[a-z][a-z0-9-]{0,31}")
SIGNERS = 2
WHY_LETTERS = 2_000
_SIGNED = re.compile(rb"([a-z][a-z0-9-]{0,31}) ([A-Za-z0-9_-]{86})")

Verdict = Literal["upheld", "dismissed"]
_Window = Annotated[str, msgspec.Meta(pattern=whole(re.compile(f"(?:{WINDOW.pattern})?")))]
_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
_Why = Annotated[str, msgspec.Meta(min_length=1, max_length=WHY_LETTERS)]
_Figure = int | float | Annotated[str, msgspec.Meta(max_length=200)]


class FlagKey(NamedTuple):
    """What names a flag: `window` is the node's own name, "" where the flag is about all of it; `began` in ms."""

    node: str
    day: str
    rule: str
    window: str
    began: int


class Judgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="judgement"):
    """`verdict` on the flag of `rule` in its `version`, from `began` to `ended` (ms) at `window` of `node` on `day`.

    `ratings` are the numbers that the flag names, as closed ranges (epoch, first, last), and `figures` the rule's own;
    no grade is in it. `why` is the auditors' reason, `at` when they judged (ms). `prev` is the SHA-256 of the flag's
    judgement before this one, as filed, in hex.
    """

    v: Literal[1]
    node: NodeName
    day: Day
    rule: _Word
    window: _Window
    began: Millis
    ended: Millis
    version: _Word
    ratings: list[tuple[EpochName, Number, Number]]
    figures: dict[str, _Figure]
    verdict: Verdict
    why: _Why
    at: Millis
    prev: Sum = NOTHING

    def __post_init__(self) -> None:
        """Check the ranges and the span."""
        if self.ended < self.began:
            raise ValueError(f"a flag runs from its beginning to its end, got {self.began}..{self.ended}")
        for _, first, last in self.ratings:
            if last < first:
                raise ValueError(f"a range runs from low to high, got {first}..{last}")

    @property
    def flag(self) -> FlagKey:
        """Which flag it is about."""
        return FlagKey(self.node, self.day, self.rule, self.window, self.began)

    @property
    def place(self) -> str:
        """The city-wide name of the window, or the node's where the flag is about all of it."""
        return window_id(self.node, self.window) if self.window else self.node

    @property
    def numbers(self) -> Mapping[StreamKey, Ranges]:
        """The ratings that it covers, by stream."""
        found: dict[StreamKey, Ranges] = {}
        for epoch, first, last in self.ratings:
            stream = StreamKey(self.node, epoch)
            found[stream] = found.get(stream, Ranges()).add(first, last)
        return found


class Filed(NamedTuple):
    """A judgement, who signed it (name, signature), and all its bytes."""

    judgement: Judgement
    signatures: Sequence[tuple[str, bytes]]
    raw: bytes

    @property
    def body(self) -> bytes:
        """The JSON bytes that are signed."""
        return self.raw.partition(b"\n")[0]

    @property
    def digest(self) -> str:
        """What the flag's next judgement names it by: the SHA-256 of its bytes, in hex."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def names(self) -> list[str]:
        """Who signed it."""
        return [name for name, _ in self.signatures]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Judgement).decode


def first_signed(judgement: Judgement, name: str, signer: Signer) -> Filed:
    """`judgement` with the signature of the auditor `name`."""
    return opened(_with(_encode(judgement), name, signer))


def cosigned(one: Filed, name: str, signer: Signer) -> Filed:
    """`one` with one signature more, of the auditor `name`."""
    return opened(_with(one.raw, name, signer))


def _with(raw: bytes, name: str, signer: Signer) -> bytes:
    return raw + b"\n" + name.encode() + b" " + signer.sign(raw.partition(b"\n")[0])


def opened(raw: bytes) -> Filed:
    """The judgement in `raw`, however many signed it; raises `Refused`. Whether they did is for `objection` to say."""
    body, *lines = raw.split(b"\n")
    try:
        judgement = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise Refused(Reason.UNDECODABLE, f"judgement: {bad}") from bad
    signatures = []
    for line in lines:
        if (found := _SIGNED.fullmatch(line)) is None:
            raise Refused(Reason.UNDECODABLE, "judgement: a line behind the first is a name and a signature")
        signatures.append((found[1].decode(), found[2]))
    return Filed(judgement, signatures, raw)


def objection(one: Filed, keys: Keys) -> str | None:
    """Why `one` is not signed by two different auditors by their `keys`, which they had when they judged; else None."""
    if len(one.signatures) != SIGNERS:
        return f"{len(one.signatures)} signed it, and it takes {SIGNERS}"
    holders: list[Key] = []
    for name, signature in one.signatures:
        known = keys.get(name, ())
        found = [key for key in known if signed(Signed(one.body, signature), [key], one.judgement.at)]
        if not found:
            return f"no key that {name} had then signed this" if known else f"nobody knows an auditor {name}"
        holders += found[:1]
    if len(set(one.names)) != SIGNERS or len({key.raw for key in holders}) != SIGNERS:
        return f"{one.names[0]} signed it twice"
    return None


def misfit(before: Filed | None, one: Filed) -> str | None:
    """Why `one` cannot be the judgement that follows `before`, the newest of its flag so far (None: there is none).

    None where it can.
    """
    # A key that ended signs nothing of what happened since, however its holder dates it.
    if one.judgement.at < one.judgement.ended:
        return "it is dated before the flag that it judges was over"
    if one.judgement.prev == (NOTHING if before is None else before.digest):
        return None
    if before is None:
        return "it names a judgement before it, and the flag has none"
    return "the flag was judged before, and this does not name its newest judgement"
