"""What ends, and how soon somebody knows: a city that is killed, one that is stopped, and a demo's Ctrl-C.

A real city with its broker and a real chromium on `/wall`, then the real demo. `--rounds` times each: from the city's
SIGKILL until the wall says so, from a new city's start until the wall is live again, from SIGTERM until its process has
ended, and from a demo's SIGINT until it has judged itself and is gone.
"""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Page, async_playwright

from bench.hall import Hall, open_hall
from bench.load import Townships
from bench.rig import codes, parser, show
from bench.soak import CHROMIUM, FLAGS

WINDOWS = 300
LOOK_S = 3.0
PRESSED_S = 8.0
PATIENCE_MS = 60_000


def start(settings: Path) -> subprocess.Popen[bytes]:
    """Begin the city again, in the state that its end left."""
    command = [sys.executable, "-m", "cloud", "run", "--config", str(settings)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def shown(page: Page, state: str) -> float:
    """Wait until the wall is `state`; when it was (monotonic, s)."""
    await page.wait_for_selector(f'body[data-state="{state}"]', timeout=PATIENCE_MS)
    return time.monotonic()


async def end(process: subprocess.Popen[bytes], number: signal.Signals) -> float:
    """Send `number`; how long (s) until the process was gone."""
    begin = time.monotonic()
    process.send_signal(number)
    await asyncio.to_thread(process.wait)
    return time.monotonic() - begin


async def city_ends(hall: Hall, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Kill the city that a wall shows, begin it again, and stop it: told, live again and stopped after (s) each."""
    told, again, stopped = [], [], []
    process = hall.process
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page()
        await page.goto(f"http://127.0.0.1:{hall.port}/wall?key={hall.premises.keys.wall}")
        try:
            for _ in range(rounds):
                await shown(page, "live")
                await asyncio.sleep(LOOK_S)
                begin = time.monotonic()
                await end(process, signal.SIGKILL)
                told.append(await shown(page, "stale") - begin)
                begin = time.monotonic()
                process = start(hall.premises.cloud)
                again.append(await shown(page, "live") - begin)
                await asyncio.sleep(LOOK_S)
                stopped.append(await end(process, signal.SIGTERM))
                # A wall that has not noticed yet would be live as before, and the next figure one of this end.
                await shown(page, "stale")
                process = start(hall.premises.cloud)
        finally:
            await end(process, signal.SIGKILL)
            await browser.close()
    return told, again, stopped


async def demo_ends() -> float:
    """Play the demo for some seconds and press Ctrl-C; how long (s) until it was gone. It must have lost nothing."""
    command = [sys.executable, "-m", "cli.main", "demo", "--windows", str(WINDOWS), "--port", "0"]
    demo = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert demo.stderr is not None  # noqa: S101  (it is piped)
    said = b""
    while not said.startswith(b"people press"):
        if not (said := await demo.stderr.readline()):
            raise RuntimeError(f"the demo ended before anybody pressed, with {await demo.wait()}")
    await asyncio.sleep(PRESSED_S)
    begin = time.monotonic()
    demo.send_signal(signal.SIGINT)
    await demo.stderr.read()
    if code := await demo.wait():
        raise RuntimeError(f"the demo's verdict is not clean: it ended with {code}")
    return time.monotonic() - begin


async def main() -> None:
    """Open the city, hang the wall, end things."""
    options = parser(__doc__ or "")
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    rounds = 1 if given.quick else given.rounds
    async with open_hall(Townships(codes(), WINDOWS, seed=1)) as hall:
        told, again, stopped = await city_ends(hall, rounds)
    interrupted = [await demo_ends() for _ in range(rounds)]
    show(
        {"rounds": rounds, **_of("told", told), **_of("live_again", again)}
        | {**_of("stopped", stopped), **_of("demo_stopped", interrupted)},
        bare=given.json,
    )


def _of(name: str, took: Sequence[float]) -> dict[str, float | int | str]:
    return {f"{name}_least_s": round(min(took), 2), f"{name}_most_s": round(max(took), 2)}


if __name__ == "__main__":
    asyncio.run(main())
