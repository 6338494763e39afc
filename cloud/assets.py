"""The program's own files over HTTP, as they are in the package: no build step, nothing from elsewhere.

All of them are read once at start and compressed once. A browser asks each time whether its copy still holds
(`no-cache` with an ETag), so that after an update no page runs half of the old one.
"""

import gzip
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
    """One file, as it goes out; `plain` where a client takes no gzip."""

    plain: bytes
    packed: bytes
    type: str
    tag: str

    @classmethod
    def of(cls, plain: bytes, kind: str) -> "Asset":
        """Return `plain` as it goes out; `kind` is its media type."""
        # mtime 0: equal files are equal bytes.
        return cls(plain, gzip.compress(plain, 9, mtime=0), kind, sha256(plain).hexdigest()[:16])


def read_assets(package: str) -> dict[str, Asset]:
    """Return every file of `package`'s folder `static` by name; one of a kind that is not served raises `KeyError`."""
    assets = {}
    for file in files(package).joinpath("static").iterdir():
        assets[file.name] = Asset.of(file.read_bytes(), TYPES[file.name[file.name.rindex(".") :]])
    return assets


def served(asset: Asset, request: Request) -> Response:
    """Return `asset`, or that the browser's copy still holds."""
    zipped = "gzip" in request.headers.get("accept-encoding", "")
    # The two encodings are different bytes, so they need different strong tags.
    tag = f'"{asset.tag}-gzip"' if zipped else f'"{asset.tag}"'
    headers = {"Cache-Control": "no-cache", "ETag": tag, "Vary": "Accept-Encoding"}
    if tag in [known.strip().removeprefix("W/") for known in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(asset.packed if zipped else asset.plain, 200, headers, asset.type)


def serve(pages: APIRouter, at: str, *packages: str) -> dict[str, Asset]:
    """Add a route for the files of `packages`, whose names differ, to `pages`, at `at`/name; return them."""
    assets = {name: asset for package in packages for name, asset in read_assets(package).items()}

    async def part(name: str, request: Request) -> Response:
        asset = assets.get(name)
        return Response("Not Found", 404) if asset is None else served(asset, request)

    pages.add_api_route(f"{at}/{{name}}", part, methods=["GET", "HEAD"])
    return assets
