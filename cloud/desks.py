"""The desks' role of a serving process: the console's pages, and what keeps them up to date."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from fastapi import APIRouter
from prometheus_client.metrics_core import Metric

from cloud.alerts import pages as alerts_pages
from cloud.alerts import routes as alerts_routes
from cloud.alerts.desk import AlertDesk
from cloud.calendar import Calendar
from cloud.cases import policy
from cloud.cases import routes as cases_routes
from cloud.cases.desk import CaseDesk
from cloud.cases.news import News
from cloud.cases.pages import Pages
from cloud.console import pages as console
from cloud.console.screens import Screens
from cloud.database import Database
from cloud.health import pages as devices_pages
from cloud.health.metrics import Source, gauges
from cloud.health.routes import Check
from cloud.health.rules import Device
from cloud.hours import pages as hours_pages
from cloud.hours.changing import Changing
from cloud.hours.rules import Offices
from cloud.imports import pages as imports_pages
from cloud.imports.importer import Importer
from cloud.notices import pages as notices
from cloud.quarantine import pages as quarantine
from cloud.reception import Reception
from cloud.registry.snapshot import Registry
from cloud.rota import pages as rota
from cloud.seals import pages as seals
from cloud.staffing import pages as staffing_pages
from cloud.staffing.seats import Seats


class Desks:
    """`devices`, `registry` and `offices` are asked at each request; `now` is the city's time in ms."""

    def __init__(
        self,
        database: Database,
        reception: Reception,
        *,
        devices: Callable[[], list[Device]],
        registry: Callable[[], Registry],
        offices: Callable[[], Offices],
        calendar: Calendar,
        now: Callable[[], int],
    ) -> None:
        screens = Screens(calendar)
        self._news = News(database.reader, now=now)
        desk = CaseDesk(database, policy=policy.shipped(), calendar=calendar, offices=offices, now=now)
        cases = Pages(database.reader, desk, self._news, screens, registry=registry, calendar=calendar, now=now)
        reception.rooms["case"] = cases.where
        answering = AlertDesk(database, now=now)
        alerts = alerts_pages.Pages(database.reader, answering, screens, registry=registry, calendar=calendar)
        reception.rooms["alert"] = alerts.where
        changing = Changing(database, now=now)
        closures = hours_pages.Pages(
            database.reader, changing, screens, registry=registry, offices=offices, calendar=calendar, now=now
        )
        seats = Seats(database, registry=registry, calendar=calendar, now=now)
        front = console.Pages(
            database.reader, screens, seats, registry=registry, calendar=calendar, now=now, year=closures.year
        )
        duties = staffing_pages.Pages(
            database.reader, seats, screens, front.shown, registry=registry, calendar=calendar, now=now
        )
        importer = Importer(database, names=imports_pages.headings(), zone=calendar.zone, now=now)
        self.routers: Sequence[APIRouter] = (
            front.router(),
            *reception.routers(screens, calendar),
            cases.router(),
            cases_routes.router(database.reader, desk, calendar=calendar, now=now),
            alerts.router(),
            alerts_routes.router(database.reader, answering),
            rota.Pages(database, screens, registry=registry, calendar=calendar, now=now).router(),
            notices.router(database, screens, shown=calendar.shown, now=now),
            devices_pages.router(devices, screens, registry=registry, shown=calendar.shown),
            quarantine.router(database.reader, screens, shown=calendar.shown),
            seals.router(database.reader, screens, shown=calendar.shown),
            closures.router(),
            duties.router(),
            imports_pages.Pages(database.reader, importer, screens, calendar).router(),
        )
        self.checks: Sequence[tuple[str, Check]] = ()
        self.sources: Sequence[Source] = (self._figures,)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to look for news."""
        self._looking = tasks.create_task(self._news.run(), name="news of cases")

    def stop(self) -> None:
        """End every desk's stream."""
        self._looking.cancel()
        self._news.close()

    def _figures(self) -> Iterator[Metric]:
        return gauges({"desks": ("Desks that listen for news of cases", self._news.desks)})
