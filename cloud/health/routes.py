"""Devices, health and metrics over HTTP."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from cloud.health.rules import Device
from cloud.openapi import answer, described


class Devices(msgspec.Struct, frozen=True):
    """All nodes and gateways, by name."""

    devices: list[Device]


class Part(msgspec.Struct, frozen=True):
    """One part of the city: whether it works, and what is wrong or worth knowing.

    Without what is not `vital` everything that matters goes on: charts may be late.
    """

    ok: bool
    detail: str = ""
    vital: bool = True


class Health(msgspec.Struct, frozen=True):
    """The city's own health; `ok` only if every vital part is."""

    ok: bool
    version: str
    parts: dict[str, Part]


Check = Callable[[], Awaitable[Part]]


def router(devices: Callable[[], list[Device]]) -> APIRouter:
    """Return the route on `devices`."""
    health = APIRouter(tags=["health"])

    @health.get("/api/nodes", responses=described(Devices, "Every device as it is now"), response_class=Response)
    async def nodes(
        place: Annotated[str, Query(pattern=r"^\d{0,9}$", description="Only those whose name begins so")] = "",
    ) -> Response:
        """Return the nodes and gateways of a place, or all of them."""
        return answer(Devices([device for device in devices() if device.node.startswith(place)]))

    return health


def probes(*, version: str, checks: Sequence[tuple[str, Check]], metrics: Collector) -> APIRouter:
    """Return the routes that every process of the city has; `checks` are asked anew at each request."""
    health = APIRouter(tags=["health"])
    prometheus = CollectorRegistry()
    prometheus.register(metrics)
    ProcessCollector(registry=prometheus)

    @health.get(
        "/health",
        responses={
            **described(Health, "Everything works"),
            503: described(Health, "Something does not")[200] | {"description": "Something does not work"},
        },
        response_class=Response,
    )
    async def whole_health() -> Response:
        """Say whether this process of the city works: 200 only if every vital part does."""
        parts = {name: await check() for name, check in checks}
        ok = all(part.ok or not part.vital for part in parts.values())
        return answer(Health(ok, version, parts), status=200 if ok else 503)

    @health.get(
        "/metrics",
        response_class=Response,
        responses={200: {"description": "Prometheus text", "content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def scrape() -> Response:
        """Return the city's figures in Prometheus' text format."""
        return Response(
            generate_latest(prometheus), headers={"Cache-Control": "no-store"}, media_type=CONTENT_TYPE_LATEST
        )

    return health
