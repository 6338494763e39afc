"""The desks' role of a serving process: the console's pages, and what keeps them up to date."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from fastapi import APIRouter
from prometheus_client.metrics_core import Metric

from cloud.alerts import pages as alerts_pages
from cloud.alerts import routes as alerts_routes
from cloud.alerts.desk import AlertDesk
from cloud.appeals import pages as appeals_pages
from cloud.appeals import routes as appeals_routes
from cloud.appeals.desk import AppealDesk
from cloud.appeals.outlook import Looker
from cloud.attachments import pages as attachments_pages
from cloud.attachments import store as attachments_store
from cloud.attachments.folder import Folder
from cloud.calendar import Calendar
from cloud.cases import policy
from cloud.cases import routes as cases_routes
from cloud.cases.bulk import Bulk
from cloud.cases.desk import CaseDesk
from cloud.cases.news import News
from cloud.cases.pages import Pages
from cloud.configs import pages as configs_pages
from cloud.configs.desk import ConfigDesk
from cloud.console import pages as console
from cloud.console.screens import Screens
from cloud.contacts import pages as contacts_pages
from cloud.contacts import policy as contacts_policy
from cloud.contacts import routes as contacts_routes
from cloud.contacts import store as contacts_store
from cloud.contacts.desk import ContactDesk
from cloud.contacts.folder import Folder as ContactFolder
from cloud.contacts.waiting import Waiting
from cloud.contacts.worker import Sweeper
from cloud.database import Database
from cloud.health import checks
from cloud.health import pages as devices_pages
from cloud.health.metrics import Source, gauges
from cloud.health.routes import Check
from cloud.health.rules import Device
from cloud.heat import pages as heat_pages
from cloud.hours import pages as hours_pages
from cloud.hours.changing import Changing
from cloud.hours.rules import Offices
from cloud.imports import pages as imports_pages
from cloud.imports.importer import Importer
from cloud.notices import pages as notices
from cloud.orphans import Orphans
from cloud.owner import Owner
from cloud.quarantine import pages as quarantine
from cloud.reception import Reception
from cloud.registry.snapshot import Registry
from cloud.reports import pages as reports_pages
from cloud.reports.editions import Editions
from cloud.rota import pages as rota
from cloud.seals import pages as seals
from cloud.search import pages as search_pages
from cloud.staffing import pages as staffing_pages
from cloud.staffing.seats import Seats
from cloud.updates import pages as updates_pages
from cloud.updates.desk import UpdateDesk
from cloud.updates.worker import Updater
from cloud.windows import pages as windows_pages


class Desks:
    """`devices`, whether it `hears` them, `registry` and `offices` are asked at each request.

    `now` is the city's time in ms. Below `least` ratings no score is given. `attachments`: the folder of the files of
    cases, `contacts`: of what citizens leave for a call back. `random_bits(n)` gives n random bits.
    `without`: entries of the menu that this city has not. `waiting` keeps the contacts that are left with ratings.
    """

    def __init__(
        self,
        database: Database,
        reception: Reception,
        *,
        devices: Callable[[], list[Device]],
        hears: Callable[[], bool],
        registry: Callable[[], Registry],
        offices: Callable[[], Offices],
        calendar: Calendar,
        now: Callable[[], int],
        least: int,
        attachments: Path,
        contacts: Path,
        random_bits: Callable[[int], int],
        without: Sequence[str],
    ) -> None:
        screens = Screens(calendar, without=without)
        self._news = News(database.reader, now=now)
        desk = CaseDesk(database, policy=policy.shipped(), calendar=calendar, offices=offices, now=now)
        cases = Pages(database.reader, desk, self._news, screens, registry=registry, calendar=calendar, now=now)
        reception.rooms["case"] = cases.where
        files = Folder(attachments, Owner(database.reader, attachments_store.files))
        contacts_owner = Owner(database.reader, contacts_store.files)
        contacts_folder = ContactFolder(contacts, contacts_owner, random_bits=random_bits)
        contacts_desk = ContactDesk(database, desk, contacts_folder, policy=contacts_policy.shipped(), now=now)
        orphans = Orphans(contacts_folder.shelf), Orphans(files.shelf)
        self.waiting = Waiting(database, contacts_desk, contacts_folder, policy=contacts_policy.shipped(), now=now)
        self._sweeper = Sweeper(database, contacts_desk, orphans, policy=contacts_policy.shipped(), now=now)
        answering = AlertDesk(database, now=now)
        alerts = alerts_pages.Pages(database.reader, answering, screens, registry=registry, calendar=calendar)
        reception.rooms["alert"] = alerts.where
        editions = Editions()
        reports = reports_pages.Pages(database.reader, editions, screens, registry=registry, calendar=calendar, now=now)
        hearing = AppealDesk(database, now=now)
        appeals = appeals_pages.Pages(
            database.reader, hearing, reports, screens, registry=registry, calendar=calendar, now=now
        )
        reception.rooms["appeal"] = appeals.where
        changing = Changing(database, now=now)
        closures = hours_pages.Pages(
            database.reader, changing, screens, registry=registry, offices=offices, calendar=calendar, now=now
        )
        seats = Seats(database, registry=registry, calendar=calendar, now=now)
        front = console.Pages(
            database.reader,
            screens,
            seats,
            Looker(database.reader, editions, now=now),
            registry=registry,
            calendar=calendar,
            now=now,
            year=closures.year,
        )
        duties = staffing_pages.Pages(
            database.reader, seats, screens, front.shown, registry=registry, calendar=calendar, now=now
        )
        importer = Importer(database, names=imports_pages.headings(), zone=calendar.zone, now=now)
        configs = configs_pages.Pages(
            database.reader,
            ConfigDesk(database, now=now),
            screens,
            devices=devices,
            registry=registry,
            calendar=calendar,
            now=now,
        )
        reception.rooms["node"] = configs.where
        updates = updates_pages.Pages(
            database.reader,
            UpdateDesk(database, devices=devices, registry=registry, now=now),
            screens,
            devices=devices,
            registry=registry,
            calendar=calendar,
        )
        self._updater = Updater(database, devices=devices, hears=hears, now=now)
        self.routers: Sequence[APIRouter] = (
            front.router(),
            *reception.routers(screens, calendar),
            Bulk(desk, cases, screens).router(),
            cases.router(),
            attachments_pages.Pages(database, desk, cases, files, calendar=calendar, now=now).router(),
            cases_routes.router(database.reader, desk, calendar=calendar, now=now),
            contacts_pages.Pages(contacts_desk, cases, screens).router(),
            contacts_routes.router(contacts_desk),
            alerts.router(),
            alerts_routes.router(database.reader, answering),
            appeals.router(),
            appeals_routes.router(database.reader, hearing),
            reports.router(),
            rota.Pages(database, screens, registry=registry, calendar=calendar, now=now).router(),
            notices.router(database, screens, shown=calendar.shown, now=now),
            devices_pages.router(devices, screens, registry=registry, shown=calendar.shown, now=now),
            configs.router(),
            updates.router(),
            windows_pages.Pages(
                database.reader,
                screens,
                devices=devices,
                registry=registry,
                calendar=calendar,
                now=now,
                least=least,
            ).router(),
            heat_pages.Pages(
                database.reader, screens, registry=registry, calendar=calendar, now=now, least=least
            ).router(),
            search_pages.Pages(database.reader, screens, registry=registry, now=now).router(),
            quarantine.router(database.reader, screens, shown=calendar.shown),
            seals.router(database.reader, screens, shown=calendar.shown),
            closures.router(),
            duties.router(),
            imports_pages.Pages(database.reader, importer, screens, calendar).router(),
        )
        self.checks: Sequence[tuple[str, Check]] = (
            ("updates", partial(checks.untroubled, lambda: self._updater.trouble, vital=False)),
            (
                "contacts",
                partial(checks.untroubled, self._contacts_trouble, vital=False),
            ),
        )
        self.sources: Sequence[Source] = (self._figures,)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to look for news, take updates on, and delete contacts whose time is over."""
        self._looking = tasks.create_task(self._news.run(), name="news of cases")
        self._updating = tasks.create_task(self._updater.run(), name="staged updates")
        self._sweeping = tasks.create_task(self._sweeper.run(), name="contacts")
        self._handing = tasks.create_task(self.waiting.run(), name="contacts that wait")

    def stop(self) -> None:
        """End every desk's stream."""
        self._looking.cancel()
        self._updating.cancel()
        self._sweeping.cancel()
        self._handing.cancel()
        self._news.close()

    def _contacts_trouble(self) -> str | None:
        return self._sweeper.trouble or self.waiting.trouble

    def _figures(self) -> Iterator[Metric]:
        return gauges({"desks": ("Desks that listen for news of cases", self._news.desks)})
