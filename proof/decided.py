"""Whether the judgements in a ledger were made by two auditors, and are about ratings that it holds."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping

from contract.batch import StreamKey
from contract.errors import Refused
from contract.keys import Keys
from contract.ranges import Ranges
from proof.findings import Finding, Rule, spelled
from proof.judgement import Filed, FlagKey, Judgement, misfit, objection, opened
from proof.ledger import Rating
from proof.upheld import Upheld

_JUDGEMENTS = "SELECT position, node, epoch, first, raw FROM ledger_entry WHERE kind = 'judgement' ORDER BY position"


class Decided:
    """The judgements in a ledger: `add` every rating, then `check`. `upheld` follows from those that are sound."""

    def __init__(self, ledger: sqlite3.Connection, keys: Keys, *, find: Callable[[Finding], None]) -> None:
        """Read them; each must be signed by two auditors by their `keys`."""
        self._find = find
        self._sound: list[tuple[int, Judgement]] = []
        self._about: dict[StreamKey, list[tuple[Ranges, int, Judgement]]] = {}
        newest: dict[FlagKey, Filed] = {}
        seen: Counter[tuple[str, str]] = Counter()
        for position, node, day, number, raw in ledger.execute(_JUDGEMENTS):
            seen[node, day] += 1
            one = self._read(f"position {position}", keys, (node, day, number), seen[node, day], raw)
            if one is None:
                continue
            told = one.judgement
            if (said := misfit(newest.get(told.flag), one)) is not None:
                self._tell(position, told, said)
            newest[told.flag] = one
            self._sound.append((position, told))
            for stream, numbers in told.numbers.items():
                self._about.setdefault(stream, []).append((numbers, position, told))
        self.upheld = Upheld(self._sound)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._sound)

    def _read(self, where: str, keys: Keys, names: tuple[str, str, int], number: int, raw: object) -> Filed | None:
        try:
            one = opened(raw if isinstance(raw, bytes) else b"")
        except Refused as bad:
            self._find(Finding(Rule.UNREADABLE, where, f"this is no judgement: {bad.detail}"))
            return None
        said = (one.judgement.node, one.judgement.day, number)
        if said != names:
            stands = "it stands as judgement {2} of {0} on {1}".format(*names)
            self._find(Finding(Rule.ALTERED, where, f"{stands}, and is {said[2]} of {said[0]} on {said[1]}"))
        if (against := objection(one, keys)) is not None:
            self._find(Finding(Rule.SIGNATURE, f"{where}, judgement of {one.judgement.place}", against))
            return None
        return one

    def add(self, rating: Rating) -> None:
        """Look whether `rating` is one that the flag of a judgement that names it can be about."""
        for numbers, position, told in self._about.get(StreamKey(rating.node, rating.epoch), ()):
            if rating.seq not in numbers:
                continue
            if rating.position >= position:
                self._tell(position, told, f"number {rating.seq} came later, at position {rating.position}")
            elif rating.window != told.place or not told.began <= rating.at <= told.ended:
                self._tell(position, told, f"number {rating.seq} is of {rating.window} at another time or place")

    def check(self, given: Mapping[StreamKey, Ranges]) -> None:
        """Look whether every rating that is named stands in the ledger, whose numbers are `given`."""
        for stream, about in self._about.items():
            for numbers, position, told in about:
                if missing := numbers - given.get(stream, Ranges()):
                    where = f"{stream.node}/{stream.epoch}"
                    self._tell(position, told, f"number {spelled(missing)} of {where} is not in the ledger")

    def _tell(self, position: int, told: Judgement, detail: str) -> None:
        self._find(Finding(Rule.JUDGEMENT, f"position {position}, judgement of {told.place}", detail))
