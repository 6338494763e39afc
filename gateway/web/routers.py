"""What a gateway serves over HTTP, as its settings ask for it."""

from fastapi import APIRouter

from gateway.post import Gateway
from gateway.settings import Settings
from gateway.visits.routes import Routes as VisitRoutes
from gateway.visits.settings import secret_of
from gateway.web.pages import pages


def routers(gateway: Gateway, settings: Settings) -> list[APIRouter]:
    """Return the routes of `gateway`; raises `SettingsError` where one of them cannot be served."""
    served = [pages(gateway.view)]
    if settings.visits is not None:
        served.append(VisitRoutes(lambda: gateway.visits, secret_of(settings.visits)).router())
    return served
