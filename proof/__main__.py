"""What an outsider does with a ledger file, and with what came out of one: it is read, and nothing is changed."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module

from contract.errors import SettingsError

# Each word, and the module that is loaded when it is asked for: a score needs no certificates, and their library.
_WORDS = {"score": "score", "audit": "auditor", "prove": "prover", "verify": "verifier", "visits": "visited"}

# Their values are of letters, digits, "-" and "_", and may begin with what argparse takes for an option.
_TAKING = ("--city", "--epoch")


def main(argv: Sequence[str]) -> int:
    """Run the command in `argv`; its exit code, 2 where something must be put right first, as one line says."""
    parser = argparse.ArgumentParser(prog="manyi", description=__doc__)
    words = parser.add_subparsers(required=True, metavar="WORD")
    for word in argv[:1] if argv and argv[0] in _WORDS else _WORDS:
        command = import_module(f"proof.{_WORDS[word]}")
        # What is verified stands by itself; the others read a ledger.
        command.offer(words, *([] if word == "verify" else [_common()]))
    options = parser.parse_args([*_joined(argv)])
    try:
        code: int = options.run(options)
    except SettingsError as bad:
        sys.stderr.write(f"{bad}\n")
        return 2
    return code


def _joined(argv: Sequence[str]) -> Iterator[str]:
    """The words of a command line, each of `_TAKING` with its value in one word."""
    words = iter(argv)
    for word in words:
        value = next(words, None) if word in _TAKING else None
        yield word if value is None else f"{word}={value}"


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--database", metavar="FILE", required=True, help="the ledger, a backup, or the URL of one")
    common.add_argument("--zone", default="Asia/Shanghai", help="the time zone whose days the city counts by")
    common.add_argument("--json", dest="as_json", action="store_true", help="one JSON object on stdout")
    return common


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
