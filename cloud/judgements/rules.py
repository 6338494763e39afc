"""What may be filed about a flag. Pure."""

from collections.abc import Mapping, Sequence

from cloud.misuse.rules import Flag
from proof.judgement import FlagKey, Judgement, Verdict

# In the notation of `/api/flags` and its pages; no name has this sign in it.
_MARK = "~"


def name_of(flag: Flag) -> str:
    """What an auditor calls `flag` by: began (ms), window or node, rule."""
    place = f"{flag.node}/{flag.window}" if flag.window else flag.node
    return f"{flag.begin}{_MARK}{place}{_MARK}{flag.rule}"


def named(name: str) -> tuple[int, str, str] | None:
    """Began (ms), place and rule in the `name` of a flag; None where it is none."""
    parts = name.split(_MARK)
    if len(parts) != 3 or not parts[0].isascii() or not parts[0].isdigit():  # noqa: PLR2004  (the three parts)
        return None
    return int(parts[0]), parts[1], parts[2]


def judgement_of(flag: Flag, verdict: Verdict, why: str, *, at: int, prev: str) -> Judgement:
    """The judgement that says `verdict` on all that `flag` says at `at` (ms), after the judgement `prev`."""
    return Judgement(
        *(1, flag.node, flag.day, flag.rule, flag.window, flag.begin, flag.end, flag.version),
        *([*flag.ratings], dict(flag.figures), verdict, why, at, prev),
    )


def key_of(flag: Flag) -> FlagKey:
    """What names `flag`."""
    return FlagKey(flag.node, flag.day, flag.rule, flag.window, flag.begin)


def objection(judgement: Judgement, flags: Sequence[Flag], *, now: int) -> str | None:
    """Why `judgement` cannot be filed at `now` (ms), where `flags` are those of its node and day, if it cannot."""
    if judgement.at > now:
        return "it is dated into the future: the clock of who judged is ahead"
    flag = next((flag for flag in flags if key_of(flag) == judgement.flag), None)
    if flag is None:
        return "there is no such flag any more: `manyi misuse list` names those that there are"
    due = judgement_of(flag, judgement.verdict, judgement.why, at=judgement.at, prev=judgement.prev)
    if judgement == due:
        return None
    differing = [name for name, was, is_ in _sides(judgement, due) if was != is_]
    return f"the flag has other {', '.join(differing)} now: judge it again"


def _sides(one: Judgement, other: Judgement) -> list[tuple[str, object, object]]:
    names: Mapping[str, str] = {"ended": "end", "version": "policy", "ratings": "ratings", "figures": "figures"}
    return [(said, getattr(one, name), getattr(other, name)) for name, said in names.items()]
