"""A house's rival: a second process that is started on the store of one that runs."""

import subprocess
import sys
from pathlib import Path


def turned_away(house: str, config: Path, store: Path) -> None:
    """Start `house` by the file `config` with brokers that cannot be reached, then its rival on `store`.

    The rival ends at once with a line that says what to do, and the first one goes on.
    """
    command = [sys.executable, "-m", house, "run", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None
        assert "Connection refused" in first.stderr.readline()
        try:
            second = subprocess.run(command, capture_output=True, text=True, check=False)
            assert (second.returncode, second.stdout, second.stderr.count("\n")) == (2, "", 1)
            assert second.stderr.startswith(f"{config}: {store} is in use by another process")
            assert first.poll() is None
        finally:
            first.kill()
