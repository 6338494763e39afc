"""Days at the ends of the calendar, of which nothing can be counted back or forth, are refused where they are asked."""

from pathlib import Path

import pytest

from tests.cloud import where as places
from tests.cloud.reception import open_stage

HOURS = "/api/hours?township=371721121"


async def test_no_day_breaks_an_answer_or_holds_the_city_up(tmp_path: Path, upgraded_file: Path) -> None:
    async with open_stage(places.InFile(tmp_path, upgraded_file)) as stage, stage.program("operator") as client:
        for path in (
            f"{HOURS}&first=9999-12-31",
            f"{HOURS}&first=0001-01-01&last=9999-12-31",
            "/api/flags?last=0001-01-01",
            "/api/flags?first=2026-11-01&last=9999-12-31",
            "/api/ranking?last=0001-01-10",
            "/api/ranking?first=9999-12-31",
        ):
            assert (await client.get(path)).status_code == 422, path
        # Within the calendar, but too much at once: that is found out by counting, and not by making a list of days.
        whole = await client.get(f"{HOURS}&first=1970-01-01&last=2999-12-31")
        assert (whole.status_code, whole.json()["detail"]) == (400, "first to last: 1 to 400 days, got 376200")


@pytest.mark.parametrize("day", ["1970-01-01", "2999-12-31"])
async def test_the_first_and_the_last_day_are_days(tmp_path: Path, upgraded_file: Path, day: str) -> None:
    async with open_stage(places.InFile(tmp_path, upgraded_file)) as stage, stage.program("operator") as client:
        for path in (
            f"{HOURS}&first={day}",
            f"{HOURS}&last={day}",
            f"/api/flags?last={day}",
            f"/api/ranking?last={day}",
        ):
            assert (await client.get(path)).status_code in {200, 400}, path
