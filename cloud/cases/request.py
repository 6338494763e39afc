"""What somebody wants to do in a case, and what of it is kept. Pure."""

import re
from typing import NamedTuple

from cloud.cases.case import Action, Attachment, Body, CaseRefused
from cloud.cases.moves import Move
from contract.rating import Level

MOST_TEXT = 4_000
_MOST_NAME = 200
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,100}")


class Request(NamedTuple):
    """What somebody wants to do; `rating` (1..3) goes with `revisit`, `assignee` with `assign`, and so on."""

    action: Action
    text: str = ""
    rating: int | None = None
    assignee: str | None = None
    attachment: Attachment | None = None


def body_of(request: Request, move: Move) -> Body:
    """What is kept of `request`, which is for `move`.

    Raises `CaseRefused` where something is missing, wrong, or for another action.
    """
    action, text, rating, assignee, attachment = request
    text = text.strip()
    if not move.text <= len(text) <= MOST_TEXT:
        raise CaseRefused("content", f"{action}: give a text of {move.text} to {MOST_TEXT} characters")
    if (rating is not None and action != "revisit") or rating not in {None, *Level}:
        raise CaseRefused("content", f"{action}: a rating is 1, 2 or 3, and goes with a revisit only")
    if (assignee is not None) != (action == "assign") or not _is_name(assignee):
        raise CaseRefused("content", f"{action}: a name to assign to goes with assign, and with nothing else")
    if (attachment is not None) != (action == "attach"):
        raise CaseRefused("content", f"{action}: a file goes with attach, and with nothing else")
    if attachment is not None and not _is_sound(attachment):
        raise CaseRefused("content", f"{action}: a file has a plain name, a SHA-256, a media type and a size")
    return Body(text, rating, assignee, attachment)


def _is_name(assignee: str | None) -> bool:
    return assignee is None or (0 < len(assignee) <= _MOST_NAME and assignee.isprintable())


def _is_sound(attachment: Attachment) -> bool:
    name, sha256, media_type, size = (getattr(attachment, field) for field in attachment.__struct_fields__)
    plain = 0 < len(name) <= _MOST_NAME and name.isprintable() and not {*name} & {*"/\\"}
    return bool(plain and _SHA256.fullmatch(sha256) and _MEDIA_TYPE.fullmatch(media_type) and size >= 0)
