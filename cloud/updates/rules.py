"""When the next stage of an update begins, and when the update stops. Pure.

A stage is over when each of its nodes has reported its new version and been online for the update's patience since. One
that has not taken it when the limit is over, or has gone offline since, stops the update: a person decides.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Literal, NamedTuple

from cloud.configs.rules import Timing

# running: the worker goes on by itself. stopped: it waits for a person. The others are ends.
State = Literal["running", "stopped", "done", "rolled_back"]
Act = Literal["stop", "go_on", "roll_back"]
ACTS: Mapping[State, tuple[Act, ...]] = {
    "running": ("stop", "roll_back"),
    "stopped": ("go_on", "roll_back"),
    "done": ("roll_back",),
    "rolled_back": (),
}
# Of every so many nodes one is in the first two stages.
_TENTH = 10


class Update(NamedTuple):
    """A change of times for all nodes of `place`, as it stands; moments and spans are ms."""

    number: int
    at: int
    who: str
    place: str
    timing: Timing
    patience_ms: int
    limit_ms: int
    reason: str
    state: State = "running"
    stage: int = 0
    stage_at: int = 0
    steps: int = 0


class Member(NamedTuple):
    """A node of an update, in its `stage`. `version`: what it was given, None before; `before`: what it had until then.

    `before` is None where it had these times already, so there is nothing to take back. `taken_at`: since when (ms) it
    has been seen online with it.
    """

    node: str
    stage: int
    version: int | None = None
    before: int | None = None
    taken_at: int | None = None
    excused: bool = False


class Sight(NamedTuple):
    """What a node says now: the version that it has taken, and whether it is online."""

    version: int
    online: bool


class Verdict(NamedTuple):
    """What becomes of the present stage. `late`: the nodes because of which the update stops."""

    what: Literal["wait", "next", "done", "stop"]
    late: tuple[str, ...] = ()


def staged(nodes: Iterable[str], online: Callable[[str], bool], seed: str) -> list[Member]:
    """`nodes` in stages: one, then up to a tenth of all, then the rest.

    Who is online comes first: a first node that nobody hears would stop every update. Apart from that `seed` decides:
    the first ones are not always the same, and not all of one office.
    """
    order = sorted(nodes, key=lambda node: (not online(node), sha256(f"{seed} {node}".encode()).digest()))
    tenth = max(1, -(-len(order) // _TENTH))
    stages = [stage for stage in (order[:1], order[1:tenth], order[tenth:]) if stage]
    return [Member(node, number) for number, stage in enumerate(stages, start=1) for node in stage]


def looked(members: Iterable[Member], sights: Mapping[str, Sight], now: int) -> list[Member]:
    """`members` after a look at `now`. Of whom nothing is known, as after a restart, nothing is taken back."""
    return [_looked(member, sights.get(member.node), now) for member in members]


def _looked(member: Member, sight: Sight | None, now: int) -> Member:
    if sight is None or member.version is None:
        return member
    if not sight.online or sight.version < member.version:
        return member._replace(taken_at=None)
    return member if member.taken_at is not None else member._replace(taken_at=now)


def verdict(update: Update, members: Sequence[Member], now: int) -> Verdict:
    """What becomes at `now` of the present stage of an `update` that runs, of all its `members`."""
    here = [member for member in members if member.stage == update.stage and not member.excused]
    if all(member.taken_at is not None and now - member.taken_at >= update.patience_ms for member in here):
        last = all(member.stage <= update.stage for member in members)
        return Verdict("done" if last else "next")
    names = late(update, members)
    if names and now - update.stage_at >= update.limit_ms:
        return Verdict("stop", tuple(names))
    return Verdict("wait")


def heard(update: Update, members: Iterable[Member], sights: Mapping[str, Sight]) -> bool:
    """Whether there is a sight of each node of the present stage that is waited for.

    Otherwise, as in the first minute after a restart, nobody knows how they are by now, and no other stage begins.
    """
    return all(one.node in sights for one in members if one.stage == update.stage and not one.excused)


def excused(update: Update, members: Sequence[Member], now: int) -> list[Member]:
    """`members` after a person went on at `now`: who is late is waited for no more."""
    over = now - update.stage_at >= update.limit_ms
    names = frozenset(late(update, members) if over else ())
    return [member._replace(excused=True) if member.node in names else member for member in members]


def late(update: Update, members: Iterable[Member]) -> list[str]:
    """The nodes of the present stage that have not taken it, and that nobody has excused."""
    return [one.node for one in members if one.stage == update.stage and one.taken_at is None and not one.excused]
