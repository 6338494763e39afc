"""The `manyi` command. Each word is loaded when it is asked for: a Pi's `manyi edge` brings in nothing of the city."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from contract.version import __version__

# Each of them has its own command line.
HOUSES = ("edge", "gateway", "cloud")
# What an outsider does with a ledger, without the city and without typer.
OUTSIDERS = ("score", "audit", "prove", "verify", "visits")
_OF_THE_CITY = (
    "cloud",
    "db",
    "held",
    "backup",
    "restore",
    "series",
    "misuse",
    "people",
    "pki",
    "seal",
    "publish",
    "trace",
)
_EXTRAS = {
    "edge": "edge",
    "gateway": "gateway",
    "demo": "sim",
    "sim": "sim",
    **dict.fromkeys(_OF_THE_CITY, "cloud"),
    **dict.fromkeys(OUTSIDERS, "proof"),
}
# For an installation without typer, which has houses alone.
_USAGE = (
    f"manyi {__version__}; usage: manyi edge|gateway|cloud|score|audit|prove|verify|visits --help; "
    "manyi demo needs: pip install 'manyi[sim]'\n"
)
_OURS = frozenset({"cli", "cloud", "contract", "edge", "firmware_sim", "gateway", "proof", "transport"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv`, by default the process's own arguments; the exit code, 2 for a wrong command line."""
    words = list(sys.argv[1:] if argv is None else argv)
    word = words[0] if words else ""
    if word in HOUSES:
        return _with_extra(word, lambda: _house(word, words[1:]))
    if word in OUTSIDERS:
        return _with_extra(word, lambda: _house("proof", words))
    return _with_extra(word if word in _EXTRAS else "demo", lambda: _command(words))


def _house(name: str, words: Sequence[str]) -> int:
    code: int = import_module(f"{name}.__main__").main(words)
    return code


def _command(words: Sequence[str]) -> int:
    try:
        from cli.app import app
    except ModuleNotFoundError:
        if words and words[0] in _EXTRAS:
            raise
        sys.stdout.write(_USAGE)
        return 0 if set(words) <= {"--help", "--version"} else 2
    try:
        app(args=words, prog_name="manyi")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def _with_extra(word: str, run: Callable[[], int]) -> int:
    """Run, and where a library is not installed say in one line which extra brings it."""
    try:
        return run()
    except ModuleNotFoundError as missing:
        library = (missing.name or "").partition(".")[0]
        if library in _OURS:
            raise
        sys.stderr.write(f"manyi {word} needs: pip install 'manyi[{_EXTRAS[word]}]' ({library} is not installed)\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
