"""Take the pictures of the wall in this folder, from the real demo in a real browser.

    .venv/bin/python docs/screenshots.py [--minutes 10] [--windows 400] [--townships 167] [--seed 1]

It runs `manyi demo`, lets people press for so long, takes the pictures, and stops it; its verdict must be clean. The
same seed gives the same city and the same people; the clock on the pictures, and so the day, is that of the machine.
Needs the developer's `.venv` and Debian's chromium, with `fonts-noto-cjk`.
"""  # noqa: INP001 (a script, not a package)

import argparse
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from threading import Thread

from playwright.sync_api import Browser, sync_playwright

from tests.acceptance.conftest import CHROMIUM, FLAGS
from tests.keys import hung

DOCS = Path(__file__).parent
HD = (1920, 1080)
UHD = (3840, 2160)
PICTURES = [
    ("wall-near-zh-1080.png", "/wall", HD),
    ("wall-near-zh-4k.png", "/wall", UHD),
    ("wall-near-en-1080.png", "/wall?lang=en", HD),
    ("wall-far-zh-1080.png", "/far", HD),
    ("wall-far-zh-4k.png", "/far", UHD),
    ("wall-far-en-1080.png", "/far?lang=en", HD),
]
_WALL = re.compile(r"the wall: (?P<address>http://[^/]+)/wall\?key=(?P<key>\S+)")
# A page has its first picture after some tenths of a second; the age on it should say that it goes on.
_LOOK_S = 2.0


def shoot(browser: Browser, address: str, key: str) -> None:
    """Write every picture of the wall at `address` into this folder."""
    for name, path, (width, height) in PICTURES:
        page = browser.new_page(viewport={"width": width, "height": height}, locale="zh-CN")
        page.goto(hung(address, path, key))
        page.wait_for_selector('body[data-state="live"]')
        page.wait_for_timeout(_LOOK_S * 1000)
        page.screenshot(path=DOCS / name)
        page.close()
        sys.stderr.write(f"{DOCS / name}\n")


def wall_of(said: Iterable[str]) -> tuple[str, str]:
    """Return where the demo's wall is and by which key, once its own lines tell; `EOFError` if it ends before."""
    for line in said:
        sys.stderr.write(line)
        if found := _WALL.search(line):
            return found["address"], found["key"]
    raise EOFError("the demo ended before there was a wall")


def main() -> int:
    """Play the demo, take the pictures; the demo's exit code."""
    parser = argparse.ArgumentParser(description="Take the pictures of the wall.")
    parser.add_argument("--minutes", type=float, default=10.0)
    for option, usual in (("--windows", 400), ("--townships", 167), ("--seed", 1)):
        parser.add_argument(option, type=int, default=usual)
    asked = parser.parse_args()
    words = [f"--{name}={getattr(asked, name)}" for name in ("windows", "townships", "seed")]
    command = [sys.executable, "-m", "cli.main", "demo", *words, "--port=0"]
    demo = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603
    assert demo.stderr is not None  # noqa: S101  (it is piped)
    try:
        address, key = wall_of(demo.stderr)
        Thread(target=sys.stderr.writelines, args=(demo.stderr,), daemon=True).start()
        time.sleep(asked.minutes * 60)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            shoot(browser, address, key)
            browser.close()
    finally:
        demo.send_signal(signal.SIGINT)
    return demo.wait()


if __name__ == "__main__":
    sys.exit(main())
