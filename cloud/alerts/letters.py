"""What a leader on duty is told of alerts. Pure."""

from collections.abc import Sequence

from cloud.alerts.alert import Alert
from cloud.console.words import Language, Words
from cloud.notices.letter import Letter, Line
from cloud.notices.wording import both
from cloud.registry.snapshot import Registry

# A letter is to be read at a glance: the page has the rest.
MOST_LINES = 20

_words = Words()


def letter_of(alerts: Sequence[Alert], registry: Registry) -> Letter:
    """The letter on `alerts`, which all go to one leader; it names no citizen and no moment of a press."""
    lines = [_line(alert, registry) for alert in alerts[:MOST_LINES]]
    if len(alerts) > MOST_LINES:
        lines.append(both("alerts.letter_more", count=len(alerts) - MOST_LINES))
    path = f"/alerts/{alerts[0].number}" if len(alerts) == 1 else "/alerts"
    return Letter("alerts", both("alerts.letter", count=len(alerts)), lines, path)


def headline(alert: Alert, language: Language, window: str) -> str:
    """What `alert` is about, at a `window` that is called so; no count of today's grades is in it."""
    if alert.figures is None:
        return _words(f"alerts.case_{alert.level}", language, case=alert.case, window=window)
    return _words("alerts.rate", language, window=window, minutes=alert.figures.minutes)


def _line(alert: Alert, registry: Registry) -> Line:
    return Line(
        headline(alert, "zh", registry.called(alert.window, "zh")),
        headline(alert, "en", registry.called(alert.window, "en")),
    )
