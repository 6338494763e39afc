"""The gateway's own server: the routes it is given, behind strict headers, and nothing else."""

import socket

import httpx
import pytest
from fastapi import APIRouter

from contract.errors import SettingsError
from gateway.web.guard import HEADERS
from gateway.web.server import serving
from gateway.web.settings import Web


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def router() -> APIRouter:
    routes = APIRouter()

    async def hall() -> str:
        return "here"

    routes.add_api_route("/hall", hall)
    return routes


async def test_it_serves_what_it_is_given_and_nothing_else() -> None:
    web = Web(free_port(), names=["hall.test"])
    async with serving(web, [router()]), httpx.AsyncClient(base_url=f"http://127.0.0.1:{web.port}") as client:
        answers = {path: await client.get(path) for path in ("/hall", "/", "/docs", "/openapi.json")}
        assert [answer.status_code for answer in answers.values()] == [200, 404, 404, 404]
        for answer in answers.values():
            assert HEADERS.items() <= {name: answer.headers.get(name) for name in HEADERS}.items()
        assert (await client.post("/hall")).status_code == 405
        asked = [(await client.get("/hall", headers={"Host": name})).status_code for name in ("hall.test", "evil.test")]
        assert asked == [200, 400]


async def test_an_address_that_is_taken_is_told_by_its_key() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        with pytest.raises(SettingsError, match=rf"^web\.port: {port} on 127\.0\.0\.1 is in use, choose another$"):
            async with serving(Web(port), []):
                pass


async def test_what_ends_the_house_stays_as_it_is_and_the_port_is_free_again() -> None:
    web = Web(free_port())
    for _ in range(2):
        with pytest.raises(SettingsError, match=r"^the socket of systemd$"):
            async with serving(web, []):
                raise SettingsError("the socket of systemd")
