"""Many real gateways in one loop, as a process of its own: `python -m firmware_sim.townships SPEC.json`.

It says `ready` on stdout when every gateway has its journal open. SIGTERM and SIGINT stop them. Up to fifty log the
steps of their batches, as gateways do.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway.__main__ import read
from gateway.post import Gateway
from transport.keys import read_key
from transport.log import set_up
from transport.steps import unsaid

# With more gateways than these in one process, lines for every step would take what the city is measured on.
TOLD = 50


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`gateways`: settings files as `manyi gateway run` takes them."""

    gateways: list[str]


async def _serve(spec: Spec) -> None:
    settings = [read(Path(path)) for path in spec.gateways]
    gateways = [Gateway(one, read_key(Path(one.key))) for one in settings]

    def stop() -> None:
        for gateway in gateways:
            gateway.stop()

    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        for one, gateway in zip(settings, gateways, strict=True):
            group.create_task(gateway.run(), name=one.node)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        for gateway in gateways:
            await gateway.ready.wait()
        print("ready", flush=True)  # noqa: T201  (the parent waits for it)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the gateways of the one file in `argv`; 2 with one line where it cannot be used."""
    try:
        (path,) = sys.argv[1:] if argv is None else argv
        spec = msgspec.json.decode(Path(path).read_bytes(), type=Spec)
    except (ValueError, OSError) as bad:
        sys.stderr.write(f"usage: python -m firmware_sim.townships SPEC.json: {bad}\n")
        return 2
    set_up("json", house="gateway", who="townships")
    if len(spec.gateways) > TOLD:
        unsaid()
    asyncio.run(_serve(spec))
    return 0


if __name__ == "__main__":
    sys.exit(main())
