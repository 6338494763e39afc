"""When there is an alert, who is told of it and who next, and what people can do about it. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from cloud.alerts.alert import ACTIONS, Action, Alert, AlertRefused, Deed, Figures, Step
from cloud.alerts.policy import Policy, Rate
from cloud.calendar import MINUTE_MS
from cloud.cases.case import LEVELS, SYSTEM, Level
from cloud.cases.moves import LEAST_TEXT
from cloud.cases.request import MOST_TEXT
from cloud.people.rules import LEADERS, Person
from cloud.rota.rules import Rank, Turn, around, on_duty
from proof.scores import POINTS, Counts, mean

# How long nobody on duty is waited for before the rota is asked again.
AGAIN_MS = MINUTE_MS
_RANKS: Sequence[Rank] = ("a", "b")
_BEFORE: Mapping[Action, frozenset[str]] = {
    "acknowledge": frozenset({"open"}),
    "comment": frozenset({"open", "acknowledged", "closed"}),
    "close": frozenset({"open", "acknowledged"}),
}


def breached(n: Counts, rate: Rate) -> bool:
    """Whether a window's ratings `n` are an alert by the figures of `rate`.

    Monotonous: one more dissatisfied rating in place of another never ends it.
    """
    rated, dissatisfied = sum(n), n[2]
    if rated < rate.least:
        return False
    return dissatisfied >= rate.count or dissatisfied >= rate.share * rated or mean(n, POINTS) < rate.index


def quiet(alert: Alert, mark: int, rate: Rate) -> bool:
    """Whether an `alert` of a rate, not breached at `mark` (ms), has been so for long enough to close by itself."""
    return mark - alert.breached_at >= rate.quiet_minutes * MINUTE_MS


def of_case(number: int, case: int, cause: int, window: str, level: Level, now: int) -> tuple[Alert, Step]:
    """The alert of this `number` on a case, which its step `cause` made one, at `now` (ms)."""
    return _raised(number, window, level, now, case=case, cause=cause)


def of_rate(number: int, window: str, figures: Figures, mark: int, now: int) -> tuple[Alert, Step]:
    """The alert of this `number` on a window's rate, looked at for the moment `mark`, at `now`; ms."""
    alert, step = _raised(number, window, "township", now)
    return alert._replace(kind="rate", channel=figures.channel, figures=figures, breached_at=mark), step


def passed(alert: Alert, turns: Mapping[str, Sequence[Turn]], now: int, policy: Policy) -> tuple[Alert, Sequence[Step]]:
    """`alert` after the next one on duty was told at `now` (ms), by the `turns` of each place, and the step, if any.

    First the A of its own level's place, then the B, then the A of the place around it, and so on to the city. Whoever
    was told last is not told again by another title. The last one of all is left with it.
    """
    for place, rank, holder in _next(alert, turns, now):
        if holder is not None and holder != alert.holder:
            told = alert._replace(
                place=place,
                rank=rank,
                holder=holder,
                pass_at=now + policy.patience_minutes * MINUTE_MS,
                steps=alert.steps + 1,
            )
            return told, [Step(told.steps, now, SYSTEM, "tell", holder=holder)]
    if alert.holder is not None:
        return alert._replace(pass_at=None), []
    again = alert._replace(pass_at=now + AGAIN_MS)
    if alert.steps > 1:
        return again, []
    again = again._replace(steps=alert.steps + 1)
    return again, [Step(again.steps, now, SYSTEM, "nobody")]


def allowed(alert: Alert, person: Person) -> list[Action]:
    """What `person` can do about `alert` now, if its place is theirs."""
    return [action for action in ACTIONS if person.role in LEADERS and alert.state in _BEFORE[action]]


def act(alert: Alert, action: Action, text: str, person: Person, at: int) -> tuple[Alert, Step]:
    """`alert` after `person` did `action` at `at` (ms), saying `text`. Raises `AlertRefused`."""
    if person.role not in LEADERS:
        raise AlertRefused("role", f"{action}: not for the role {person.role}")
    if alert.state not in _BEFORE[action]:
        raise AlertRefused("state", f"{action}: the alert is {alert.state}")
    text = text.strip()
    least = 0 if action == "acknowledge" else LEAST_TEXT
    if not least <= len(text) <= MOST_TEXT:
        raise AlertRefused("content", f"{action}: give a text of {least} to {MOST_TEXT} characters")
    if action == "acknowledge":
        after = alert._replace(state="acknowledged", pass_at=None)
    elif action == "close":
        after = _closed(alert, at)
    else:
        after = alert
    return _stepped(after, at, person.name, action, text)


def settled(alert: Alert, at: int) -> tuple[Alert, Step]:
    """`alert` closed at `at` (ms) since what it was about is over."""
    return _stepped(_closed(alert, at), at, SYSTEM, "close")


def _next(alert: Alert, turns: Mapping[str, Sequence[Turn]], now: int) -> Iterator[tuple[str, Rank, str | None]]:
    """Whom to tell next, and who that is at `now`, in order."""
    chain = [(place, rank) for place in around(alert.window)[LEVELS.index(alert.level) :] for rank in _RANKS]
    last = (alert.place, alert.rank)
    begin = chain.index(last) + 1 if last in chain else 0
    for place, rank in chain[begin:]:
        turn = on_duty(turns.get(place, ()), now)
        yield place, rank, None if turn is None else turn.holder(rank)


def _raised(
    number: int, window: str, level: Level, now: int, *, case: int | None = None, cause: int | None = None
) -> tuple[Alert, Step]:
    alert = Alert(
        number,
        "case",
        case,
        cause,
        window,
        "",
        level,
        None,
        raised_at=now,
        breached_at=now,
        state="open",
        place=None,
        rank=None,
        holder=None,
        pass_at=now,
        closed_at=None,
        steps=1,
    )
    return alert, Step(1, now, SYSTEM, "raise")


def _closed(alert: Alert, at: int) -> Alert:
    return alert._replace(state="closed", pass_at=None, closed_at=at)


def _stepped(alert: Alert, at: int, who: str, action: Deed, text: str = "") -> tuple[Alert, Step]:
    after = alert._replace(steps=alert.steps + 1)
    return after, Step(after.steps, at, who, action, text)
