"""Which stage of a period's report is due. Pure."""

from contract.errors import SettingsError
from proof.edition import APPEAL_MS, Published
from proof.period import Period
from proof.report import Stage

DAY_MS = 86_400_000


def due(
    before: Published | None,
    span: Period,
    *,
    behind: int,
    now: int,
    final: bool,
    appeal_days: int,
    undecided: int = 0,
) -> tuple[Stage, int]:
    """The stage of the edition that follows `before`, the newest of the period `span`, and until when to appeal (ms).

    `behind`: when what follows the period begins; `now`: the city's time; both ms. `undecided`: how many appeals of the
    period nobody has decided. Raises `SettingsError`, which says what is not due yet.
    """
    name = span.name
    if now < behind:
        raise SettingsError(f"{name} is not over: until then `manyi score` makes provisional reports of it")
    if not final:
        if appeal_days * DAY_MS < APPEAL_MS:
            raise SettingsError(f"{name}: an edition may be appealed against for a day at least")
        return "appeal", now + appeal_days * DAY_MS
    if before is None or before.edition.stage != "appeal":
        raise SettingsError(f"{name}: nobody could appeal yet: publish it without --final first")
    if now < before.edition.until:
        days = -(-(before.edition.until - now) // DAY_MS)
        raise SettingsError(
            f"{name}: edition {before.edition.number} may be appealed against for {days} more day{'s'[: days > 1]}"
        )
    check_decided(name, undecided)
    return "final", before.edition.until


def check_decided(period: str, undecided: int) -> None:
    """Raise `SettingsError` where so many appeals of `period` are `undecided`, and a final edition is to be made."""
    if undecided:
        are = "1 appeal is" if undecided == 1 else f"{undecided} appeals are"
        raise SettingsError(f"{period}: {are} undecided: decide them on the page /reports/appeals first")
