"""A program in the place of `manyi edge`: the real node on mock pins, and somebody who presses all the time.

Each light that comes on is a line in /var/lib/manyi/edge/lit, written once it was seen. While there is a /run/still
nobody presses.
"""

import os
import sys
import threading
import time

from gpiozero.pins.mock import MockFactory

import edge.pins
from edge.__main__ import main

BUTTONS = {3: 17, 2: 27, 1: 22}
LIGHTS = {3: 5, 2: 6, 1: 13}
PAUSE_S = 0.03
PATIENCE_S = 5.0


def press(pins: MockFactory) -> None:
    log = os.open("/var/lib/manyi/edge/lit", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    number = 0
    while True:
        number += 1
        while os.path.exists("/run/still"):  # noqa: PTH110
            time.sleep(PAUSE_S)
        level = number % 3 + 1
        pin, light = pins.pin(BUTTONS[level]), pins.pin(LIGHTS[level])
        pin.drive_low()
        time.sleep(PAUSE_S)
        pin.drive_high()
        latest = time.monotonic() + PATIENCE_S
        while not light.state and time.monotonic() < latest:
            time.sleep(0.001)
        if light.state:
            os.write(log, b"lit\n")
        time.sleep(PAUSE_S)


def factory(_kind: str) -> MockFactory:
    pins = MockFactory()
    threading.Thread(target=press, args=(pins,), daemon=True).start()
    return pins


if __name__ == "__main__":
    edge.pins.factory = factory  # type: ignore[assignment]
    sys.exit(main(sys.argv[2:]))
