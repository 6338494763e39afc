"""Auditors and judgements for tests."""

from collections.abc import Sequence

from contract.keys import Key, Keys
from contract.seal import NOTHING
from contract.signing import Signer, public_key
from proof.judgement import Filed, Judgement, Verdict, cosigned, first_signed

AUDITORS = {"wang": Signer(b"a" * 32), "li": Signer(b"b" * 32), "zhao": Signer(b"c" * 32)}
KEYS: Keys = {name: [Key(public_key(signer.public))] for name, signer in AUDITORS.items()}
# From the first millisecond on, so that any moment of a test is theirs.
REGISTER = "INSERT INTO auditor (name, zh, key, valid_from, valid_to) VALUES (:a, :b, :c, 0, NULL)"
REGISTERED = [(name, "审计", signer.public) for name, signer in AUDITORS.items()]


def judgement(
    node: str,
    day: str,
    ratings: Sequence[tuple[str, int, int]],
    *,
    span: tuple[int, int],
    verdict: Verdict = "upheld",
    before: Filed | None = None,
    rule: str = "burst",
    window: str = "01",
) -> Judgement:
    """A judgement of the flag that begins and ends with `span` (ms), made when that ended."""
    began, ended = span
    figures: dict[str, float | str] = {"n": 31}
    prev = NOTHING if before is None else before.digest
    return Judgement(
        *(1, node, day, rule, window, began, ended, "1"),
        *([*ratings], figures, verdict, "看过监控", ended, prev),
    )


def signed(one: Judgement, *names: str) -> Filed:
    """`one`, signed by the auditors `names`, by default two of them."""
    first, *others = names or ("wang", "li")
    filed = first_signed(one, first, AUDITORS[first])
    for name in others:
        filed = cosigned(filed, name, AUDITORS[name])
    return filed
