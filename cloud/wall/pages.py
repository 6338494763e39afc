"""The wall's two pages, which are files like any other part of it."""

from fastapi import APIRouter, Request, Response

from cloud.assets import serve, served

PAGES = {"/wall": "wall.html", "/far": "far.html"}


def router() -> APIRouter:
    """Return the routes of the pages and of `/static/wall/`."""
    pages = APIRouter(include_in_schema=False)
    assets = serve(pages, "/static/wall", "cloud.wall")

    async def page(request: Request) -> Response:
        return served(assets[PAGES[request.url.path]], request)

    for path in PAGES:
        pages.add_api_route(path, page, methods=["GET", "HEAD"])
    return pages
