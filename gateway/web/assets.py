"""The program's own files over HTTP, as they are in the package: no build step, nothing from elsewhere.

A browser asks each time whether its copy still holds (`no-cache` with an ETag), so that after an update no page runs
half of the old one.
"""

from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """One file, as it goes out."""

    content: bytes
    type: str
    tag: str


def read_assets(package: str) -> dict[str, Asset]:
    """Return every file of `package`'s folder `static` by name; one of a kind that is not served raises `KeyError`."""
    assets = {}
    for file in files(package).joinpath("static").iterdir():
        content = file.read_bytes()
        suffix = file.name[file.name.rindex(".") :]
        assets[file.name] = Asset(content, TYPES[suffix], f'"{sha256(content).hexdigest()[:16]}"')
    return assets


def served(asset: Asset, request: Request) -> Response:
    """Return `asset`, or that the browser's copy still holds."""
    headers = {"Cache-Control": "no-cache", "ETag": asset.tag}
    if asset.tag in [known.strip() for known in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, 200, headers, asset.type)


def serve(routes: APIRouter, package: str, at: str) -> dict[str, Asset]:
    """Add a route for the files of `package` to `routes`, at `at`/name; return them."""
    assets = read_assets(package)

    async def part(name: str, request: Request) -> Response:
        asset = assets.get(name)
        return Response("Not Found", 404) if asset is None else served(asset, request)

    routes.add_api_route(f"{at}/{{name}}", part, methods=["GET", "HEAD"])
    return assets
