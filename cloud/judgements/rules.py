"""What may be filed about a flag. Pure."""

import re
from collections.abc import Sequence

from cloud.misuse.rules import Flag
from contract.bundle import Signed
from contract.identity import window_id
from contract.keys import Keys, signed
from proof.judgement import Filed, FlagKey, Judgement, Verdict

# As `/api/flags` calls the last one of a page; no name has this sign in it.
_NAME = re.compile(r"(\d{1,15})~([0-9a-z/-]{1,40})~([a-z]{1,16})", re.ASCII)
# What of a judgement its flag decides, beside the flag's own name.
_FOLLOWING = ("ended", "version", "ratings", "figures")


def name_of(flag: Flag) -> str:
    """What an auditor calls `flag` by: began (ms), window or node, rule."""
    return f"{flag.begin}~{place_of(flag)}~{flag.rule}"


def place_of(flag: Flag) -> str:
    """The city-wide name of the window of `flag`, or its node's where it is about all of it."""
    return window_id(flag.node, flag.window) if flag.window else flag.node


def parts_of(name: str) -> tuple[int, str, str] | None:
    """Began (ms), place and rule in the `name` of a flag; None where it is none."""
    found = _NAME.fullmatch(name)
    return None if found is None else (int(found[1]), found[2], found[3])


def judgement_of(flag: Flag, verdict: Verdict, why: str, *, at: int, prev: str) -> Judgement:
    """The judgement that says `verdict` on all that `flag` says at `at` (ms), after the judgement `prev`."""
    return Judgement(
        *(1, flag.node, flag.day, flag.rule, flag.window, flag.begin, flag.end, flag.version),
        *([*flag.ratings], dict(flag.figures), verdict, why, at, prev),
    )


def key_of(flag: Flag) -> FlagKey:
    """What names `flag`."""
    return FlagKey(flag.node, flag.day, flag.rule, flag.window, flag.begin)


def lapsed(one: Filed, keys: Keys, now: int) -> str | None:
    """Which signer of `one` has no key at `now` (ms), of those in `keys`, that signed it; None where each has.

    The date in a judgement is its signers' own word: it alone must not bring back a key that has ended.
    """
    for name, signature in one.signatures:
        if not signed(Signed(one.body, signature), keys.get(name, ()), now):
            return f"the key that {name} signed with has ended: judge it again"
    return None


def objection(judgement: Judgement, flags: Sequence[Flag], *, now: int) -> str | None:
    """Why `judgement` cannot be filed at `now` (ms), where `flags` are those of its node and day, if it cannot."""
    if judgement.at > now:
        return "it is dated into the future: the clock of who judged is ahead"
    flag = next((flag for flag in flags if key_of(flag) == judgement.flag), None)
    if flag is None:
        return "there is no such flag any more: `manyi misuse list` names those that there are"
    due = judgement_of(flag, judgement.verdict, judgement.why, at=judgement.at, prev=judgement.prev)
    differing = [name for name in _FOLLOWING if getattr(judgement, name) != getattr(due, name)]
    return f"the flag has other {', '.join(differing)} than were judged: judge it again" if differing else None
