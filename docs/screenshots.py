"""Take the pictures of the wall in this folder, from the real demo in a real browser.

    .venv/bin/python docs/screenshots.py [--minutes 10] [--windows 400] [--townships 167] [--seed 1]

It runs `manyi demo`, lets people press for so long, takes the pictures, and stops it; its verdict must be clean. The
same seed gives the same city and the same people; the clock on the pictures, and so the day, is that of the machine.
Needs the developer's `.venv` and Debian's chromium, with `fonts-noto-cjk`.
"""  # noqa: INP001 (a script, not a package)

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

from firmware_sim.servers.daemon import free_port
from tests.acceptance.conftest import CHROMIUM, FLAGS

DOCS = Path(__file__).parent
HD = (1920, 1080)
UHD = (3840, 2160)
PICTURES = [
    ("wall-near-zh-1080.png", "/", HD),
    ("wall-near-zh-4k.png", "/", UHD),
    ("wall-near-en-1080.png", "/?lang=en", HD),
    ("wall-far-zh-1080.png", "/far", HD),
    ("wall-far-zh-4k.png", "/far", UHD),
    ("wall-far-en-1080.png", "/far?lang=en", HD),
]
# Until the city answers, s; and from then on until the last window is open.
_PATIENCE_S = 60.0
# A page has its first picture after some tenths of a second; the age on it should say that it goes on.
_LOOK_S = 2.0


def shoot(browser: Browser, address: str) -> None:
    """Write every picture of the wall at `address` into this folder."""
    for name, path, (width, height) in PICTURES:
        page = browser.new_page(viewport={"width": width, "height": height}, locale="zh-CN")
        page.goto(address + path)
        page.wait_for_selector('body[data-state="live"]')
        page.wait_for_timeout(_LOOK_S * 1000)
        page.screenshot(path=DOCS / name)
        page.close()
        sys.stderr.write(f"{DOCS / name}\n")


def wait_for_city(address: str) -> None:
    """Return when the wall answers; `TimeoutError` if it does not come."""
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        try:
            httpx.get(address, trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.5)
        else:
            return
    raise TimeoutError(f"no wall at {address}")


def main() -> int:
    """Play the demo, take the pictures; the demo's exit code."""
    parser = argparse.ArgumentParser(description="Take the pictures of the wall.")
    parser.add_argument("--minutes", type=float, default=10.0)
    for option, usual in (("--windows", 400), ("--townships", 167), ("--seed", 1)):
        parser.add_argument(option, type=int, default=usual)
    asked = parser.parse_args()
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    words = [f"--{name}={getattr(asked, name)}" for name in ("windows", "townships", "seed")]
    demo = subprocess.Popen([sys.executable, "-m", "cli.main", "demo", *words, f"--port={port}"])  # noqa: S603
    try:
        wait_for_city(address)
        time.sleep(asked.minutes * 60)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            shoot(browser, address)
            browser.close()
    finally:
        demo.send_signal(signal.SIGINT)
    return demo.wait()


if __name__ == "__main__":
    sys.exit(main())
