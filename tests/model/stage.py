"""Where the product's modules find the model's disks, links, clocks and pins instead of the machine's."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest

import cloud.ingest.intake
import cloud.ingest.receipts
import cloud.ingest.worker
import edge.node
import edge.uplink
import gateway.forwarder
import gateway.post
import gateway.reception
import transport.greeting
import transport.outbox
import transport.sender
import transport.store
from cloud.database import open_database
from tests.model.host import HOST
from tests.model.houses import Panel
from tests.model.network import ModelLink
from tests.model.platter import ModelDisk
from transport.lanes import Lanes, Limits

# Small bounds, so that short stories reach them.
NODE_LIMITS = Limits(bundle_bytes=1200, first_backlog_bytes=700, live_items=4)
GATEWAY_LIMITS = Limits(live_flights=2, bundle_bytes=1200, first_backlog_bytes=700, live_items=4)
ROWS_A_BATCH = 4
STREAMS_A_PAGE = 3
PRUNE_S = 10.0
# Who looks every second looks this often: most of what a long wait costs.
TICK_S = 4.0


@cache
def empty_city() -> bytes:
    """The image of a city's database with nothing in it, as the migrations make it."""

    async def make(file: str) -> None:
        async with await open_database(file):
            pass

    with TemporaryDirectory() as folder:
        file = str(Path(folder) / "city.db")
        asyncio.run(make(file))
        with closing(sqlite3.connect(file)) as made, closing(sqlite3.connect(":memory:")) as copy:
            made.backup(copy)
            image = bytearray(copy.serialize())
    # Format versions 1 (no write-ahead log), which is all that a database in memory can be.
    image[18:20] = b"\x01\x01"
    return bytes(image)


@contextmanager
def in_the_model() -> Iterator[None]:
    """The product's modules find the model's disks, links, clocks and pins where the machine's were."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport.store, "Disk", ModelDisk)
        # The name of a disk in memory is nothing that could be locked.
        patch.setattr(transport.store, "locked", nullcontext)
        for module in (edge.uplink, gateway.forwarder, gateway.reception, cloud.ingest.worker):
            patch.setattr(module, "Link", ModelLink)
        for module in (edge.node, gateway.post):
            patch.setattr(module, "boottime_s", lambda: HOST.get().monotonic())
            patch.setattr(module, "time", SimpleNamespace(monotonic=lambda: HOST.get().monotonic()))
            patch.setattr(module, "secrets", SimpleNamespace(randbits=lambda _bits: HOST.get().bits()))
        for module in (edge.node, gateway.post, cloud.ingest.worker):
            patch.setattr(module, "boot_id", lambda: HOST.get().boot)
            patch.setattr(module, "boottime_ms", lambda: HOST.get().boottime_ms())
        for module in (edge.node, gateway.post):
            patch.setattr(module, "PRUNE_S", PRUNE_S)
            patch.setattr(module, "wall_ms", lambda: HOST.get().wall_ms())
        patch.setattr(edge.node, "boottime_ns", lambda: HOST.get().boottime_ns())
        patch.setattr(edge.node, "Panel", Panel)
        patch.setattr(cloud.ingest.intake, "BEAT_S", TICK_S)
        patch.setattr(cloud.ingest.receipts, "TICK_S", TICK_S)
        patch.setattr(cloud.ingest.worker, "kernel_error_ms", lambda: HOST.get().error_ms)
        patch.setattr(edge.uplink, "Lanes", partial(Lanes, NODE_LIMITS))
        patch.setattr(gateway.forwarder, "_LIMITS", GATEWAY_LIMITS)
        patch.setattr(transport.outbox, "MAX_ROWS", ROWS_A_BATCH)
        for module in (transport.greeting, transport.sender):
            patch.setattr(module, "MAX_STREAMS", STREAMS_A_PAGE)
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
