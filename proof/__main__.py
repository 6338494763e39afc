"""What follows from a ledger file, for whoever has one: `manyi score`, `manyi audit`. Reads it and changes nothing."""

import argparse
import sys
from collections.abc import Sequence

from contract.errors import SettingsError
from proof import auditor, score


def main(argv: Sequence[str]) -> int:
    """Run the command in `argv`; its exit code, 2 where something must be put right first, as one line says."""
    parser = argparse.ArgumentParser(prog="manyi", description=__doc__)
    words = parser.add_subparsers(required=True, metavar="WORD")
    for command in (score, auditor):
        command.offer(words)
    options = parser.parse_args(argv)
    try:
        code: int = options.run(options)
    except SettingsError as bad:
        sys.stderr.write(f"{bad}\n")
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
