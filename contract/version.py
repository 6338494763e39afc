"""The version of the whole product; the wheel, `--version` and the heartbeat all read it here."""

__version__ = "0.1.0"
