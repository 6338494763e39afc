# ruff: noqa: N818 (the names say what happened and what to do, as the table has it; "Error" adds nothing)
"""The whole error tree, named by what the caller does about each branch.

| raised                | the caller                                                             |
| --------------------- | ---------------------------------------------------------------------- |
| `SettingsError`       | prints the one line and exits with code 2; nothing was started         |
| `InUse`               | the same, or comes back once whoever has the store is done             |
| `Refused`             | quarantines the input with its reason and goes on                      |
| `Unavailable`         | waits and tries again; nothing was lost                                |
| `OutOfRoom`           | the same, and says so: somebody must make room                         |
| `StoreFull`           | refuses new ratings visibly, keeps what it has, tries again            |
| `StoreDamaged`        | stops, preserves the file for examination, starts a new store beside it |
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why an input did not count; the value is what stands on the wire, in metrics and on screens."""

    UNDECODABLE = "undecodable"
    OVERSIZED = "oversized"
    UNSIGNED = "unsigned"
    WRONG_SIGNATURE = "wrong_signature"
    UNKNOWN_NODE = "unknown_node"
    WRONG_SENDER = "wrong_sender"
    UNKNOWN_WINDOW = "unknown_window"
    FUTURE = "future"
    CONFLICT = "conflict"


class ManyiError(Exception):
    """Every error that Manyi raises on purpose."""


class SettingsError(ManyiError):
    """A settings file that cannot be used; the text names file, key and what is allowed."""


class InUse(SettingsError):
    """A store that another process, or another holder in this one, has open."""


class Refused(ManyiError):
    """Input that must be quarantined.

    `reason` is what is counted; `detail` is for the person who looks at the quarantine.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        """Keep the countable `reason` apart from the readable `detail`."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Unavailable(ManyiError):
    """A peer, broker or database that does not answer now."""


class OutOfRoom(Unavailable):
    """A database whose disk is full."""


class StoreFull(ManyiError):
    """The disk has less free than the reserve, or refuses a write."""


class StoreDamaged(ManyiError):
    """A database file whose content is not what was written."""
