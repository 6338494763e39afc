"""What the measurements share: a temporary city of real parts, figures of samples, and the printed result."""

import argparse
import asyncio
import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib import resources
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

READY_S = 30.0


def parser(description: str) -> argparse.ArgumentParser:
    """The options that every measurement has."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    options.add_argument("--quick", action="store_true", help="a tenth of the work, to see that it runs")
    return options


def arguments(description: str) -> argparse.Namespace:
    """Read the command line of a measurement with no options of its own."""
    return parser(description).parse_args()


def show(result: dict[str, float | int | str], *, bare: bool) -> None:
    """Print the figures for a person, then as JSON on the last line."""
    if not bare:
        for name, value in result.items():
            print(f"{name:>28}  {value}")
    print(json.dumps(result))


def codes() -> list[str]:
    """The 9-digit codes of the city's townships."""
    with resources.files("cloud.registry").joinpath("places.csv").open(encoding="utf-8") as table:
        return [row["township_code"] for row in csv.DictReader(table)]


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least `share` (0..1) of all do not exceed; one decimal."""
    ordered = sorted(samples)
    return round(ordered[min(len(ordered) - 1, max(0, -(-int(len(ordered) * share * 1000) // 1000) - 1))], 1)


@contextmanager
def child(*command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Python module as a process of its own, stopped by SIGTERM at the end; its output goes to `log`."""
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", *command], stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def answering(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until `url` answers 200; shows the log when the process ends before."""
    for _ in range(int(READY_S / 0.1)):
        if process.poll() is not None:
            sys.exit(f"the process behind {url} ended with {process.returncode}; its log is {log}")
        try:
            with await asyncio.to_thread(urlopen, url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            pass
        await asyncio.sleep(0.1)
    sys.exit(f"{url} did not answer in {READY_S:.0f} s; its log is {log}")


@asynccontextmanager
async def city(settings: Path, registration: Path, port: int) -> AsyncIterator[subprocess.Popen[bytes]]:
    """The cloud as a process of its own, with everything in `registration` known to it."""
    log = settings.parent / "cloud.log"
    known = [sys.executable, "-m", "cloud", "register", "--config", str(settings), str(registration)]
    await asyncio.to_thread(subprocess.run, known, check=True, capture_output=True)
    with child("cloud", "run", "--config", str(settings), log=log) as process:
        await answering(f"http://127.0.0.1:{port}/health", process, log)
        yield process


def resident_mb(pid: int) -> float:
    """Resident memory of a process, MB of 1,000,000 bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tree_cpu_s(root: int) -> float:
    """Seconds of CPU that a process and all that descend from it have used, those that ended among them."""
    parents: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
            except OSError:  # it ended
                continue
            parents.setdefault(int(fields[1]), []).append(int(folder.name))
            # Its own, and what children that it has waited for had used.
            ticks[int(folder.name)] = sum(int(field) for field in fields[11:15])
    used = 0
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        waiting += parents.get(pid, [])
        used += ticks.get(pid, 0)
    return used / os.sysconf("SC_CLK_TCK")
