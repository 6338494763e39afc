"""Which files a case may have: told by what is in them, which their name has to agree with. Pure."""

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import PurePath
from typing import Final

from contract.errors import ManyiError

MOST_BYTES: Final = 10 * 1024 * 1024
_MOST_NAME = 200
# By a name's ending, the media type that is kept.
TYPES: Mapping[str, str] = {
    "pdf": "application/pdf",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "txt": "text/plain",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# A zip's part by which it is known, by the ending of its name.
_PARTS: Mapping[str, str] = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml"}
# Of a document that somebody else's program runs when it is opened.
_MACROS = "vbaproject.bin"
# What stands in no text.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class NotKept(ManyiError):  # noqa: N818  (as in `contract.errors`: the name says what happened)
    """A file that is not kept; `word` is the key of the words that say why."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def name_of(given: str) -> str:
    """Return the plain name in what a browser gave: the last part, what can be printed of it, at most 200 letters.

    Of a longer name the end stays, since that says what it is.
    """
    last = PurePath(given.replace("\\", "/")).name
    return "".join(letter for letter in last if letter.isprintable()).strip()[-_MOST_NAME:]


def type_of(name: str, raw: bytes) -> str:
    """Return the media type of the file `raw` that is called `name`.

    Raises `NotKept` where it is empty, too long, of another kind, or not of the kind that its name says.
    """
    if not raw:
        raise NotKept("files.empty")
    if len(raw) > MOST_BYTES:
        raise NotKept("files.too_long")
    said = TYPES.get(name.rpartition(".")[2].lower() if "." in name else "")
    if said is None or said != _found(raw):
        raise NotKept("files.other_kind")
    return said


def _found(raw: bytes) -> str | None:
    """Return the media type by what is in a file; None: it is none of `TYPES`."""
    if raw.startswith(b"%PDF-"):
        return TYPES["pdf"]
    if raw.startswith(b"\xff\xd8\xff"):
        return TYPES["jpg"]
    if raw.startswith(b"\x89PNG\r\n\x1a\n"):
        return TYPES["png"]
    if raw.startswith(b"RIFF") and raw[8:12] == b"WEBP":
        return TYPES["webp"]
    if raw.startswith(b"PK\x03\x04"):
        return _office(raw)
    return TYPES["txt"] if _is_text(raw) else None


def _office(raw: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            names = {name.lower() for name in packed.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return None
    if "[content_types].xml" not in names or any(name.endswith(_MACROS) for name in names):
        return None
    return next((TYPES[ending] for ending, part in _PARTS.items() if part in names), None)


def _is_text(raw: bytes) -> bool:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return _CONTROL.search(raw.decode(encoding)) is None
        except UnicodeDecodeError:
            continue
    return False
