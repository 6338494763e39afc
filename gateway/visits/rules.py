"""What is done about a visit that nobody knows the end of: ask at the window, ask the node, or give up. Pure.

What nobody knows is that nobody was shown anything: a silence is only what the node itself says was one.
"""

from typing import NamedTuple

# A prompt that the node has not answered is sent again so often, as long as half of its time is left.
RESEND_MS = 1_000
# After its time: for the light to go off, a choice to settle, and the node to say so.
GRACE_MS = 2_000
# Then the node is asked, more and more seldom, and no longer than that.
FIRST_AGAIN_MS, LAST_AGAIN_MS = 2_000, 60_000
GIVE_UP_MS = 3_600_000


class Asked(NamedTuple):
    """A visit: `token` stands for it at `window` (city-wide name). Milliseconds, by one clock that never steps.

    Somebody is to be asked from `begin` for `wait_ms`. `open`: it may still be shown, since it is the newest visit at
    its window and the node has not said that it shows it. `due`: when something is to be done; `pause`: how long it
    was until then.
    """

    token: str
    window: str
    begin: int
    wait_ms: int
    item: str | None = None
    open: bool = True
    due: int = 0
    pause: int = 0

    @property
    def end(self) -> int:
        """When the time is over in which somebody is asked."""
        return self.begin + self.wait_ms


class Step(NamedTuple):
    """What is to be done now: send a prompt that is shown for `wait_ms` (0: only ask; None: nothing), or give `up`."""

    asked: Asked
    wait_ms: int | None
    up: bool = False


def step(asked: Asked, now: int) -> Step:
    """Return what is to be done about `asked` at `now`, and the visit as it is after that."""
    left = asked.end - now
    if asked.open and left > 0 and 2 * left >= asked.wait_ms:
        return Step(asked._replace(due=now + RESEND_MS), left)
    if now < asked.end + GRACE_MS:
        return Step(asked._replace(open=False, due=asked.end + GRACE_MS), None)
    if now >= asked.end + GIVE_UP_MS:
        return Step(asked, None, up=True)
    pause = min(2 * asked.pause or FIRST_AGAIN_MS, LAST_AGAIN_MS)
    return Step(asked._replace(open=False, due=now + pause, pause=pause), 0)


def shown(asked: Asked) -> Asked:
    """Return `asked` as it is once the node says that it shows the prompt, or still may be answered."""
    return asked._replace(open=False, due=max(asked.due, asked.end + GRACE_MS))


def left_over(token: str, window: str, now: int) -> Asked:
    """Return a visit that an earlier run of the gateway asked: only the node can tell what became of it."""
    return Asked(token, window, begin=now - GRACE_MS, wait_ms=0, open=False, due=now)
