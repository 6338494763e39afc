"""When a notice is tried again, how it is signed, and how it reads in a mail. Pure."""

import hmac
from typing import NamedTuple

from cloud.calendar import HOUR_MS, MINUTE_MS
from cloud.notices.letter import Letter

FIRST_MS = MINUTE_MS
LAST_MS = HOUR_MS
# After a long week-end it is of no use any more; whoever looks after the city sees it and can have it sent again.
LIFE_MS = 96 * HOUR_MS


class Notice(NamedTuple):
    """A letter on its way to one `recipient` (an account's name) by one channel; as in `cloud.notices.tables`."""

    number: int
    at: int
    recipient: str
    channel: str
    letter: Letter
    attempts: int
    next_at: int | None
    sent_at: int | None
    trouble: str | None


def next_at(notice: Notice, now: int) -> int | None:
    """When (ms) `notice` is tried again, whose try at `now` failed; None: no more."""
    if now - notice.at >= LIFE_MS:
        return None
    return now + min(FIRST_MS << min(notice.attempts, 16), LAST_MS)


def signature(secret: bytes, seconds: int, body: bytes) -> str:
    """What a webhook's receiver can tell the city by: HMAC-SHA256 over "SECONDS." and the body, in hexadecimal.

    `seconds` since 1970 are part of it, so that an old request cannot be sent again as a new one.
    """
    return f"t={seconds},v1={hmac.digest(secret, b'%d.%s' % (seconds, body), 'sha256').hex()}"


def mail_text(letter: Letter, site: str) -> str:
    """The text of a mail: Chinese first, then English, and where to read on; `site` is the console's public address."""
    link = [f"{site}{letter.path}"] if site else []
    chinese = [letter.title.zh, *(line.zh for line in letter.lines)]
    english = [letter.title.en, *(line.en for line in letter.lines)]
    return "\n".join([*chinese, *link, "", *english, *link, ""])
