"""Whether a ledger still is what its seals closed, and what seals that were kept elsewhere say of it."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from contract.errors import Refused
from contract.signing import public_key
from proof.findings import NAMED, Finding, Rule
from proof.merkle import Tree
from proof.seals import Sealed, first_after, leaf, misfit, objection, opened

_SEALS = """
SELECT position, kind, first, last, raw FROM ledger_entry WHERE kind IN ('seal', 'witness') ORDER BY first, position
"""
_ALL = "SELECT kind, raw FROM ledger_entry"
_ENTRIES = "SELECT position, kind, raw FROM ledger_entry WHERE position BETWEEN ? AND ? ORDER BY position"


class Closed(NamedTuple):
    """How many `seals` the ledger has, and the last position and `day` that they close; 0 and "" for none."""

    seals: int = 0
    upto: int = 0
    day: str = ""


class Closing:
    """`check` once; `find` is told of each finding. `key` is then what all is to be signed by, where anything is."""

    def __init__(
        self, ledger: sqlite3.Connection, kept: Sequence[Sealed], key: bytes | None, *, find: Callable[[Finding], None]
    ) -> None:
        """Check `ledger` against its own seals and those `kept` elsewhere, all signed by `key` (32 raw bytes).

        Without a key they must all be signed by that of the first one.
        """
        self._ledger = ledger
        self._kept = kept
        self.key = key
        # The hashes of all entries, once they are asked for.
        self._everywhere: set[bytes] | None = None
        self._made: list[tuple[int, int]] = []
        self._find = find

    def check(self) -> Closed:
        """Check everything."""
        own = dict(self._own())
        numbers = {one.seal.number for one, _ in own.values()}
        kept: dict[bytes, Sealed] = {}
        for one in self._kept:
            # The same seal may have been kept in both forms: the one with the leaves says more.
            if self._sound("a seal that was kept", one) and (one.leaves or one.raw not in kept):
                kept[one.raw] = one
        for raw, (one, witness) in own.items():
            whole = kept.get(raw, one)
            if witness:
                self._returned(whole)
            else:
                self._compare(whole)
        for raw, one in kept.items():
            if raw not in own:
                other = "another" if one.seal.number in numbers else "no"
                self._tell(_name(one), f"it was kept, and the ledger has {other} seal of that number")
                self._compare(one)
        closing = [one for one, witness in own.values() if not witness]
        self._made = [(one.seal.last, one.seal.at) for one in closing]
        last = max(closing, key=lambda one: one.seal.number, default=None)
        return Closed() if last is None else Closed(len(own), last.seal.last, last.seal.day)

    def since(self, position: int) -> int:
        """When at the earliest the entry at `position` came (ms), by the last seal before it; 0 where there is none."""
        return max((at for last, at in self._made if last < position), default=0)

    def _own(self) -> Iterator[tuple[bytes, tuple[Sealed, bool]]]:
        """The ledger's own seals by their bytes, in the order of their numbers, and whether each is a witness."""
        before = closed = None
        for position, kind, number, last, raw in self._ledger.execute(_SEALS):
            where, witness = f"position {position}", kind == "witness"
            try:
                one = opened(bytes(raw))
            except (Refused, TypeError) as bad:
                self._find(Finding(Rule.UNREADABLE, where, f"this is no seal: {bad}"))
                continue
            if not self._sound(where, one):
                continue
            if (said := misfit(before, one)) is not None:
                self._tell(where, f"this is no {_name(one)}: {said}")
            elif not witness and one.seal.first != first_after(closed):
                said = f"it begins at position {one.seal.first}, and position {first_after(closed)} was to follow"
                self._tell(where, f"this is no {_name(one)}: {said}")
            if (one.seal.number, one.seal.last) != (number, last):
                says = f"and says {one.seal.number} up to {one.seal.last}"
                self._find(Finding(Rule.ALTERED, where, f"it stands as seal {number} up to position {last}, {says}"))
            yield one.raw, (one, witness)
            before, closed = one, closed if witness else one

    def _sound(self, where: str, one: Sealed) -> bool:
        """Whether `one` is what it says, by the key that all are signed by."""
        if self.key is None:
            self.key = public_key(one.seal.by)
        said = objection(one, self.key)
        if said is not None:
            self._tell(f"{where}, {_name(one)}", said)
        return said is None

    def _returned(self, one: Sealed) -> None:
        """Look for what `one` closed in a ledger that was lost: all of it must have come back, wherever it stands."""
        if not one.leaves:
            said = "it closed a ledger that was lost; its export, with the leaves, would say whether all came back"
            self._tell(_name(one), said)
            return
        if self._everywhere is None:
            entries = ((str(kind), raw) for kind, raw in self._ledger.execute(_ALL) if isinstance(raw, bytes))
            self._everywhere = {leaf("seal" if kind == "witness" else kind, raw) for kind, raw in entries}
        for position, found in enumerate(one.leaves, one.seal.first):
            if found not in self._everywhere:
                said = f"what {_name(one)} closed there, in a ledger that was lost, is nowhere in this one"
                self._tell(f"position {position}", said)

    def _compare(self, one: Sealed) -> None:
        """Compare what `one` closed with what the ledger has there; by its leaves, where they are known."""
        tree, at, differ = Tree(), one.seal.first, list[tuple[str, str]]()
        for position, kind, raw in self._ledger.execute(_ENTRIES, (one.seal.first, one.seal.last)):
            differ += _gone(at, position)
            at = position + 1
            found = leaf(str(kind), raw) if isinstance(raw, bytes) else b""
            tree.add(found)
            if one.leaves and found != one.leaves[position - one.seal.first]:
                differ.append((f"position {position}", "this is not what stood there"))
        differ += _gone(at, one.seal.last + 1)
        if not differ and tree.root().hex() == one.seal.root:
            return
        for where, said in differ:
            self._tell(where, f"{said} when {_name(one)} closed it")
        if not differ:
            said = "something was changed since; the export of this seal, with its leaves, would say what"
            self._tell(f"positions {one.seal.first} to {one.seal.last}", f"not what {_name(one)} closed: {said}")

    def _tell(self, where: str, detail: str) -> None:
        self._find(Finding(Rule.SEAL, where, detail))


def _gone(first: int, behind: int) -> Iterator[tuple[str, str]]:
    """Each position from `first` to before `behind`; as one, where there are more than are named."""
    named = range(first, behind) if behind - first <= NAMED else ()
    said = "it is not in the ledger any more"
    yield from ((f"position {missing}", said) for missing in named)
    if first < behind and not named:
        yield f"positions {first} to {behind - 1}", said


def _name(one: Sealed) -> str:
    return f"seal {one.seal.number} of {one.seal.day}"
