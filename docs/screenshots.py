"""Take the pictures of the wall and of every page of the console in this folder, from the real demo in a real browser.

    .venv/bin/python docs/screenshots.py [--minutes 10] [--windows 400] [--townships 167] [--seed 1]

It runs `manyi demo`, lets people press for so long, takes the pictures, and stops it; its verdict must be clean. The
same seed gives the same city and the same people; the clock on the pictures, and so the day, is that of the machine.
Needs the developer's `.venv` and Debian's chromium-headless-shell, with `fonts-noto-cjk`.
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
from typing import NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from tests.acceptance.conftest import CHROMIUM, FLAGS
from tests.keys import hung

DOCS = Path(__file__).parent
HD = (1920, 1080)
UHD = (3840, 2160)
DESK = (1280, 800)
WALL = [
    ("wall-near-zh-1080.png", "/wall", HD),
    ("wall-near-zh-4k.png", "/wall", UHD),
    ("wall-near-en-1080.png", "/wall?lang=en", HD),
    ("wall-far-zh-1080.png", "/far", HD),
    ("wall-far-zh-4k.png", "/far", UHD),
    ("wall-far-en-1080.png", "/far?lang=en", HD),
]
# Pages by the name of their picture.
CONSOLE = {
    **{
        path: path
        for path in (
            *("desk", "cases", "alerts", "windows", "heat", "duties", "rota", "closures", "devices", "updates"),
            *("imports", "quarantine", "seals", "notices", "people", "keys", "changes"),
        )
    },
    "case": "cases/1",
    "alert": "alerts/1",
    "account": "people/wang",
    "search": "search?q=37172",
    "reports": "reports",
    "appeals": "reports/appeals",
}
PASSWORD = "a sentence is fine"  # noqa: S105  (of the administrator of a demo)
_WALL = re.compile(r"the wall: (?P<address>http://[^/]+)/wall\?key=(?P<key>\S+)")
_LINK = re.compile(r"whoever comes first: (?P<link>\S+)")
# A page has its first picture after some tenths of a second; the age on it should say that it goes on.
_LOOK_S = 2.0


class Demo(NamedTuple):
    """Where it is, by which key its wall is opened, and by which link the first one comes in."""

    address: str
    key: str
    link: str


def keep(page: Page, name: str) -> None:
    """Write what `page` shows into this folder."""
    page.screenshot(path=DOCS / name)
    sys.stderr.write(f"{DOCS / name}\n")


def shoot_wall(browser: Browser, demo: Demo) -> None:
    """Take every picture of the wall."""
    for name, path, (width, height) in WALL:
        page = browser.new_page(viewport={"width": width, "height": height}, locale="zh-CN")
        page.goto(hung(demo.address, path, demo.key))
        page.wait_for_selector('body[data-state="live"]')
        page.wait_for_timeout(_LOOK_S * 1000)
        keep(page, name)
        page.close()


def shoot_console(browser: Browser, demo: Demo) -> None:
    """Come in as the first one, do what gives each page something to show, and take its picture in both languages."""
    page = browser.new_page(viewport={"width": DESK[0], "height": DESK[1]}, locale="zh-CN")
    for language in ("en", "zh"):
        page.goto(f"{demo.address}/login?lang={language}")
        keep(page, f"console-login-{language}.png")
    page.goto(demo.link)
    keep(page, "console-welcome-zh.png")
    for field, text in (("name", "wang"), ("called", "王建国"), ("password", PASSWORD), ("again", PASSWORD)):
        page.fill(f"#{field}", text)
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk")
    page.goto(f"{demo.address}/people")
    for field, text in (("name", "li.min"), ("called", "李敏"), ("place", "371721")):
        page.fill(f"#{field}", text)
    page.select_option("#role", "supervisor")
    page.click("form.columns button")
    page.goto(f"{demo.address}/rota")
    page.fill("#from", "2026-01-01T00:00")
    page.click("form.columns button.main")
    # Whoever is on call is told within some seconds.
    page.wait_for_timeout(10_000)
    page.goto(f"{demo.address}/cases/1")
    page.keyboard.press("v")
    page.keyboard.type("调了录像，属实：窗口让群众多跑了一趟。")
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    for language in ("en", "zh"):
        for name, path in CONSOLE.items():
            page.goto(f"{demo.address}/{path}{'&' if '?' in path else '?'}lang={language}")
            keep(page, f"console-{name}-{language}.png")
        for name, listed in (("device", "devices"), ("window", "windows")):
            page.goto(f"{demo.address}/{listed}?lang={language}")
            page.locator("tbody a").first.click()
            page.wait_for_load_state()
            keep(page, f"console-{name}-{language}.png")
    page.close()


def opened(said: Iterable[str]) -> Demo:
    """Return the demo as its own lines tell, once they do; `EOFError` if it ends before."""
    address = key = ""
    for line in said:
        sys.stderr.write(line)
        if found := _WALL.search(line):
            address, key = found["address"], found["key"]
        if found := _LINK.search(line):
            return Demo(address, key, found["link"])
    raise EOFError("the demo ended before there was a city")


def main() -> int:
    """Play the demo, take the pictures; the demo's exit code."""
    parser = argparse.ArgumentParser(description="Take the pictures of the wall and the console.")
    parser.add_argument("--minutes", type=float, default=10.0)
    for option, usual in (("--windows", 400), ("--townships", 167), ("--seed", 1)):
        parser.add_argument(option, type=int, default=usual)
    asked = parser.parse_args()
    words = [f"--{name}={getattr(asked, name)}" for name in ("windows", "townships", "seed")]
    command = [sys.executable, "-m", "cli.main", "demo", *words, "--port=0"]
    playing = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603
    assert playing.stderr is not None  # noqa: S101  (it is piped)
    try:
        demo = opened(playing.stderr)
        Thread(target=sys.stderr.writelines, args=(playing.stderr,), daemon=True).start()
        time.sleep(asked.minutes * 60)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            shoot_wall(browser, demo)
            shoot_console(browser, demo)
            browser.close()
    finally:
        playing.send_signal(signal.SIGINT)
    return playing.wait()


if __name__ == "__main__":
    sys.exit(main())
