"""How long the other end takes to answer, and how much a backlog payload may therefore hold. Pure."""

LONGEST_RESEND_S = 120.0
# A backlog payload takes at most this much of the line, so that it never holds up the live lane for longer.
LINE_S = 0.25
# So long its answer may take. A city that all its townships fill at once is slow to answer whatever the size, and small
# payloads only make it slower: at 250 ms a gateway went down to three batches in one.
ANSWER_S = 8.0
LEAST_BYTES = 1024
_MOST_DOUBLINGS = 16
_SHORTEST_S = 1e-3
# Measured acknowledgement times are smoothed as TCP does (RFC 6298, section 2).
_SMOOTH = 0.125
_SPREAD = 0.25


class Pace:
    """How long one lane's answers take, and how many times in a row flights got none (`silent`)."""

    __slots__ = ("_least_s", "_mean_s", "_spread_s", "silent")

    def __init__(self, least_s: float) -> None:
        """Be patient for `least_s` seconds at least."""
        self.silent = 0
        self._least_s = least_s
        self._mean_s: float | None = None
        self._spread_s = 0.0

    def answered(self, took_s: float) -> None:
        """A flight was answered after `took_s`."""
        self.silent = 0
        if self._mean_s is None:
            self._mean_s, self._spread_s = took_s, took_s / 2
        else:
            self._spread_s += _SPREAD * (abs(took_s - self._mean_s) - self._spread_s)
            self._mean_s += _SMOOTH * (took_s - self._mean_s)

    def patience_s(self) -> float:
        """How long to wait for the next answer."""
        measured = 0.0 if self._mean_s is None else self._mean_s + 4 * self._spread_s
        # Bounded before it is raised: a peer that is silent for days must not make a number that no float holds.
        doublings = min(self.silent, _MOST_DOUBLINGS)
        return min(max(self._least_s, measured) * 2.0**doublings, LONGEST_RESEND_S)


class Room:
    """`size`: bytes, before compression, that the next backlog payload may hold; at most doubled by each answer."""

    def __init__(self, first: int, most: int) -> None:
        """Begin with `first` bytes and never exceed `most`."""
        self.size = min(first, most)
        self._most = most

    def answered(self, size: int, took_s: float, line_s: float | None) -> None:
        """A payload of `size` was answered after `took_s`; `line_s`: when the line had carried it, None if unknown."""
        # Where nobody tells of the line, the answer's whole time is taken for it.
        line_s = took_s if line_s is None else line_s
        fits = min(LINE_S / max(line_s, _SHORTEST_S), ANSWER_S / max(took_s, _SHORTEST_S))
        self.size = max(LEAST_BYTES, min(self._most, int(size * fits), 2 * self.size))
