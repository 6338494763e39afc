"""The page of a carrier: files of the program, and what lets a browser keep them for when there is no line."""

import json
from hashlib import sha256
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from cloud.assets import Asset, serve, served
from cloud.guard import POLICY
from cloud.openapi import problem
from contract.identity import COUNTER, WINDOW

_WORKER = "worker.js"
_ICON = "/static/wall/icon.svg"
# The wall's pages have no manifest.
_HEADERS = {"Content-Security-Policy": f"{POLICY}; manifest-src 'self'"}


class Kept(NamedTuple):
    """A channel's page: under `root` by its window, `file` of the room `package`, and its other files at `static`."""

    root: str
    package: str
    file: str
    static: str


def router(kept: Kept) -> APIRouter:
    """Return the routes of the page, its worker, its manifest, and of its files, those of all carriers among them."""
    pages, root = APIRouter(include_in_schema=False), kept.root
    assets = serve(pages, kept.static, "cloud.carriers", kept.package)
    worker = _worker(assets, kept)

    async def page(request: Request, node: str, window: str) -> Response:
        if not _named(node, window):
            return problem(404, "a window is named as 371721121-a1/02")
        answer = served(assets[kept.file], request)
        answer.headers.update(_HEADERS)
        return answer

    async def work(request: Request) -> Response:
        return served(worker, request)

    async def manifest(node: str, window: str) -> Response:
        if not _named(node, window):
            return problem(404, "a window is named as 371721121-a1/02")
        told = {
            "name": f"满意 {node}/{window}",
            "short_name": "满意",
            "lang": "zh-CN",
            "start_url": f"{root}/{node}/{window}",
            "scope": f"{root}/{node}/{window}",
            "display": "fullscreen",
            "background_color": "#0b1220",
            "theme_color": "#0b1220",
            "icons": [{"src": _ICON, "sizes": "any", "type": "image/svg+xml"}],
        }
        body = json.dumps(told, ensure_ascii=False)
        return Response(body, 200, {"Cache-Control": "no-cache"}, "application/manifest+json")

    pages.add_api_route(f"{root}/worker.js", work, methods=["GET", "HEAD"])
    pages.add_api_route(root + "/{node}/{window}", page, methods=["GET", "HEAD"])
    pages.add_api_route(root + "/{node}/{window}/app.webmanifest", manifest)
    return pages


def _named(node: str, window: str) -> bool:
    return COUNTER.fullmatch(node) is not None and WINDOW.fullmatch(window) is not None


def _worker(assets: dict[str, Asset], kept: Kept) -> Asset:
    """The service worker with the list of what it keeps; its bytes change with any of those, so browsers see it."""
    names = sorted(name for name in assets if name not in {kept.file, _WORKER})
    version = sha256("".join(asset.tag for _, asset in sorted(assets.items())).encode()).hexdigest()[:16]
    files = [f"{kept.static}/{name}" for name in names] + [_ICON]
    head = f"const VERSION = {json.dumps(version)};\nconst FILES = {json.dumps(files)};\n".encode()
    return Asset.of(head + assets[_WORKER].plain, assets[_WORKER].type)
