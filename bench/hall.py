"""A real city with its broker, whose townships are made by the protocol alone, for those who look at it."""

import json
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from bench.load import Sending, Townships
from bench.rig import city, codes
from firmware_sim.broker import Mosquitto
from firmware_sim.cityplan import lay_out
from firmware_sim.premises import Premises, Wires, build
from firmware_sim.servers.daemon import free_port


class Hall(NamedTuple):
    """The city's `process` at `port`, its premises with the keys that it knows, and what sends it ratings."""

    process: subprocess.Popen[bytes]
    port: int
    premises: Premises
    sending: Sending


@asynccontextmanager
async def open_hall(townships: Townships, *, phones: bool = False) -> AsyncIterator[Hall]:
    """Open it in a folder of its own, with all `townships` known and connected; `phones`: citizens rate as well."""
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        folder = Path(name)
        async with Mosquitto(folder / "broker") as broker:
            wires = Wires(broker.port, broker.port, free_port())
            premises = build(lay_out(codes(), windows=1, townships=1, seed=1), folder / "city", wires=wires)
            if phones:
                premises.cloud.write_text(
                    f"phones = true\n{premises.cloud.read_text(encoding='utf-8')}", encoding="utf-8"
                )
            registration = folder / "registration.json"
            townships.registration(registration)
            known = json.loads(registration.read_text(encoding="utf-8")) | {"tokens": premises.keys.registered()}
            registration.write_text(json.dumps(known), encoding="utf-8")
            async with city(premises.cloud, registration, wires.http) as process:
                sending = Sending(broker.host, broker.port)
                await sending.open(townships.codes)
                try:
                    yield Hall(process, wires.http, premises, sending)
                finally:
                    sending.close()
