"""What a demo is asked for, and whether that can be done."""

from pathlib import Path
from typing import Literal, NamedTuple

from firmware_sim.box import township_codes
from firmware_sim.servers.daemon import free_port, port_is_free

PORT = 8000
HOST = "127.0.0.1"


class Options(NamedTuple):
    """As on the command line. `seconds` None: until Ctrl-C; `port` None: 8000, 0: any; `keep`: a new folder.

    `townships` None: as many as `usual_townships` says. `series` and `db`: where the city keeps what it counts.
    """

    windows: int = 300
    townships: int | None = None
    seconds: float | None = None
    port: int | None = None
    seed: int = 1
    as_json: bool = False
    keep: Path | None = None
    series: Literal["embedded", "influx"] = "embedded"
    db: Literal["sqlite", "postgres"] = "sqlite"


class Unusable(Exception):  # noqa: N818  (said to a person, in one line)
    """The options cannot be used."""


def port_of(asked: int | None) -> int:
    """The port to serve at; `Unusable` where it is in use."""
    if asked == 0:
        return free_port(HOST)
    port = PORT if asked is None else asked
    if not port_is_free(HOST, port):
        raise Unusable(f"port {port} is in use: choose another with --port, or --port 0 for any")
    return port


def check_townships(options: Options) -> None:
    """Raise `Unusable` for more townships than there are, or than have a window."""
    known = len(township_codes())
    if options.townships is not None and not 1 <= options.townships <= min(known, options.windows):
        raise Unusable(
            f"--townships {options.townships}: 1 to {known} are there, each with a window; there are {options.windows}"
        )


def check_new(folder: Path | None) -> None:
    """Raise `Unusable` where there is something in `folder` already."""
    if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Unusable(f"--keep {folder}: there is something already; a new or empty folder is needed")
