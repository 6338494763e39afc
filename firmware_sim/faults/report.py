"""What a run of the fault simulator has to say, as JSON and for people."""

from collections import Counter
from typing import NamedTuple

from firmware_sim.faults.effect import Effect
from firmware_sim.siege import Evidence

_EXAMPLES = 10


class Struck(NamedTuple):
    """One strike as it went: when it began and how long it took, s; its effect, or why there was none."""

    number: int
    kind: str
    at_s: float
    took_s: float
    effect: Effect | None
    why: str = ""


class Report(NamedTuple):
    """A run. `evidence`: of each city that was hurt; `recut`: batches that were sent in different bytes.

    `planned`: how many strikes there were to be; `breach`: the law that was broken on purpose.
    """

    seed: int
    minutes: float
    planned: int
    struck: tuple[Struck, ...]
    evidence: tuple[Evidence, ...]
    recut: tuple[str, ...] = ()
    breach: str | None = None

    @property
    def clean(self) -> bool:
        """Whether every strike had its effect and no law was broken."""
        seen = all(one.effect for one in self.struck)
        return seen and not self.recut and all(one.clean for one in self.evidence)

    def as_json(self) -> dict[str, object]:
        """Return it for a program."""
        return {
            "seed": self.seed,
            "minutes": self.minutes,
            "break": self.breach,
            "clean": self.clean,
            **{key: sum(counts) for key, counts in self._counts().items()},
            "recut": len(self.recut),
            "planned": self.planned,
            "struck": len(self.struck),
            "faults": self._faults(),
            "without_effect": [one._asdict() for one in self.struck if one.effect is None],
            "findings": self.findings,
        }

    @property
    def findings(self) -> list[str]:
        """What was wrong, a line each."""
        return [
            *self.recut[:_EXAMPLES],
            *self._of_the_verdicts(),
        ]

    def _of_the_verdicts(self) -> list[str]:
        return [
            line
            for one in self.evidence
            for line in (
                *one.verdict.examples,
                *(f"the wall drifted: {name}" for name in one.drift),
                *one.contradictions,
            )
        ]

    def lines(self) -> list[str]:
        """Return it for people."""
        counts = ", ".join(f"{key} {sum(numbers)}" for key, numbers in self._counts().items())
        strikes = Counter(one.kind for one in self.struck)
        return [
            f"seed {self.seed}: {len(self.struck)} strikes of {len(strikes)} kinds",
            counts,
            *(f"no effect: {one.kind}: {one.why}" for one in self.struck if one.effect is None),
            *self.findings,
            "clean" if self.clean else "NOT CLEAN",
        ]

    def _counts(self) -> dict[str, list[int]]:
        verdicts = [one.verdict for one in self.evidence]
        names = ("pressed", "settled", "refused", "surfaced", "ledger", "tallies", "destroyed")
        laws = ("lost", "twice", "misdated", "altered", "strange", "misled")
        return {name: [getattr(verdict, name) for verdict in verdicts] for name in (*names, *laws)}

    def _faults(self) -> dict[str, object]:
        kinds: dict[str, object] = {}
        for kind in sorted({one.kind for one in self.struck}):
            seen = [one.effect for one in self.struck if one.kind == kind and one.effect]
            kinds[kind] = {"count": len(seen), "effects": [f"{one.target}: {one.observed}" for one in seen]}
        return kinds
