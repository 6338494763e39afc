"""What a process says on stderr: one JSON object a line, or plain text.

Every logger of the process goes this way, libraries' and crashes' included. Secrets are never logged on purpose; what a
library may quote from an address or a connection string is struck out of every line.
"""

import logging
import re
import sys
import threading
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

Form = Literal["json", "text"]

TEXT = "%(levelname)s %(name)s: %(message)s"
# What the library puts in every record; whatever else is there was given as `extra`.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_CHATTY = ("uvicorn.error", "paho", "sqlalchemy.engine", "aiosqlite", "asyncio")

# A value in quotes of either kind, or up to where a bare one ends.
_VALUE = r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s"'&,;(){}\[\]]+)"""
# Whole addresses of databases, and who logs in anywhere else; then what stands behind a telling name in connection
# strings, arguments and dictionaries; the header that carries one; and a login as InfluxDB 1 has it in an address.
_SECRETS = (
    (re.compile(r"\b((?:postgres(?:ql)?|sqlite)(?:\+\w+)?://)[^\s\"']+"), r"\1***"),
    (re.compile(r"(://)[^\s/\"'@]+@"), r"\1***@"),
    (re.compile(rf"""(?i)((?:password|passwd|token|secret)["']?\s*[=:]\s*){_VALUE}"""), r"\1***"),
    (re.compile(r"""(?i)(authorization["']?\s*[=:,]\s*b?["']?)(?:(?:token|bearer|basic)\s+)?[^\s"',)}]+"""), r"\1***"),
    (re.compile(r"([?&][up]=)[^\s\"'&]+"), r"\1***"),
)


def without_secrets(text: str) -> str:
    """`text` with database addresses and credentials struck out."""
    if "=" in text or ":" in text or "uthorization" in text:
        for secret, instead in _SECRETS:
            text = secret.sub(instead, text)
    return text


class Plain(logging.Formatter):
    """Lines for a person: level, logger, text, and below it the exception."""

    def __init__(self) -> None:
        super().__init__(TEXT)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return without_secrets(super().format(record))


class Lines(logging.Formatter):
    """One JSON object a line: time, level, logger, house, who, text, then the record's own fields, then an exception.

    `time` is this machine's wall clock (ISO 8601, UTC, ms), which on a node nothing trusts. A record with a `who` of
    its own, where one process plays many, has that instead.
    """

    def __init__(self, *, house: str, who: str) -> None:
        super().__init__()
        self._house = house
        self._who = who

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "house": self._house,
            "who": self._who,
            "text": without_secrets(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _USUAL and value is not None:
                line[name] = without_secrets(value) if isinstance(value, str) else value
        if record.exc_info:
            line["exception"] = without_secrets(self.formatException(record.exc_info))
        return msgspec.json.encode(line, enc_hook=lambda value: without_secrets(str(value))).decode()


def set_up(form: Form, *, house: str, who: str) -> None:
    """Send every logger of this process to stderr as `form`, from INFO on; a crash too is said as a line.

    `house` and `who` (the name of the node, gateway or worker) stand in each JSON line. Called once, by a composition
    root; a process that has its logging set up already, as under a test, keeps it.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(Lines(house=house, who=who) if form == "json" else Plain())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    if form == "json":
        _say_crashes(logging.getLogger(house))


def _say_crashes(logger: logging.Logger) -> None:
    """Log what would end the process, or a thread, with a traceback; hooks that somebody else has set are left."""

    def ended(kind: type[BaseException], error: BaseException, trace: Any) -> None:  # noqa: ANN401  (a traceback)
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            logger.critical("ended by %s", kind.__name__, exc_info=(kind, error, trace))

    def thread_ended(what: threading.ExceptHookArgs) -> None:
        name = what.thread.name if what.thread else "a thread"
        if what.exc_value is not None:
            trace = (what.exc_type, what.exc_value, what.exc_traceback)
            logger.critical("%s ended by %s", name, what.exc_type.__name__, exc_info=trace)

    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = ended
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = thread_ended
