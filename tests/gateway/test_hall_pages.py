"""What the screen and the kiosk are told over HTTP: from the disk, by the city's time, and nothing that is secret."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from contract.batch import Batch
from contract.codec import encode
from contract.codes import MINUTE_MS, code_at, key_of
from contract.hall import Catalogue, Hall, Notice, OnDuty, Plate, Question, Said, Service, Stage
from contract.hello import Clock
from contract.rating import Quality, Row
from contract.signing import Signer, key_text, public_key
from contract.veil import Veil
from gateway.hall.view import View
from gateway.papers import Papers
from gateway.web.pages import pages
from gateway.web.server import create_app
from gateway.web.settings import Web
from transport.dating import DRIFT_PPM, FREEZE_BELOW_MS, Dating
from transport.shelf import Shelf
from transport.timepiece import Timepiece

TOWNSHIP, A1 = "371721121", "371721121-a1"
CITY = Signer(b"9" * 32)
KEY = key_of(b"s" * 32, TOWNSHIP)
NOON = 1_795_924_800_000
HALL = Hall(
    TOWNSHIP,
    1,
    "大集镇",
    "Daji",
    "Asia/Shanghai",
    Veil(3, 5),
    8,
    [Plate(f"{A1}/01", "社会保险", "Social insurance", ["pension"]), Plate(f"{A1}/02")],
    [OnDuty(f"{A1}/01", "李敏", "Li Min", NOON - 1000)],
    [Notice("停水", "No water"), Notice("昨天", "Yesterday", until=NOON)],
    "https://manyi.example",
    key_text(KEY),
)
CATALOGUE = Catalogue(
    1,
    [Service("pension", Said("养老保险", "Pension"), Said("参保", "Join"), [Stage("ticket", "取号", "Take a number")])],
    [Question(Said("几点？", "When?"), Said("九点", "At nine"))],
)


class Room:
    """A gateway's insides without its connections, and a browser's end of its pages."""

    def __init__(self, journal: Shelf) -> None:
        self.boottime = 5_000
        self.up = True
        self.heard_at: float | None = None
        self.ready = True
        self.journal = journal
        self.papers = Papers(TOWNSHIP, public_key(CITY.public), [])
        self.timepiece = Timepiece(Dating(), boot="boot", boottime_ms=lambda: self.boottime, wall_ms=lambda: 0)
        app = create_app(Web(8080), [pages(self.look)])
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8080")

    def look(self) -> View | None:
        return View(self.papers, self.journal, self.timepiece, self.up, self.heard_at) if self.ready else None

    def tell(self, *entries: Hall | Catalogue) -> None:
        for entry in entries:
            assert self.papers.read(CITY.entry(encode(entry))).refused == []

    def time(self, error: int = 1) -> None:
        self.timepiece.heard(Clock("city", 5, NOON, error), 0.0)

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def rate(self, first: int, *rated: tuple[int, str, int]) -> None:
        rows = [Row(at - NOON + 3_600_000, window, level, 1) for at, window, level in rated]
        batch = Batch(1, A1, "AAAAAAAAAA", first, NOON - 3_600_000, Quality.SYNCHRONISED, rows)
        await self.journal.put([(batch, encode(batch) + b"\n" + b"s" * 86)])


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    journal = await Shelf.open(tmp_path / "journal.db", reserve=0)
    made = Room(journal)
    yield made
    await made.client.aclose()
    await journal.close()


async def test_before_it_was_told_anything_a_hall_says_so(room: Room) -> None:
    for path in ("/hall/picture", "/hall/codes", "/kiosk/catalogue", "/kiosk/search?q=a"):
        assert (await room.get(path)).status_code == 503
    room.ready = False
    assert (await room.get("/hall/picture")).status_code == 503
    assert [(await room.get(path)).status_code for path in ("/hall", "/kiosk", "/")] == [200, 200, 303]


async def test_the_picture_of_a_hall(room: Room) -> None:
    room.tell(HALL)
    room.time()
    old = NOON - 3_000_000
    await room.rate(1, *((old + n, "01", 3) for n in range(7)), (old + 7, "01", 1), (old + 8, "01", 1))
    await room.rate(10, *((old + n, "09", 1) for n in range(8)))
    told = (await room.get("/hall/picture")).json()
    assert (told["now"], told["quiet_since"], told["name"]["zh"]) == (NOON, None, "大集镇")
    assert told["notices"] == [{"zh": "停水", "en": "No water"}]
    first, second = told["windows"]
    assert (first["number"], first["plate"]["en"], first["duty"]["zh"]) == ("01", "Social insurance", "李敏")
    # Two blocks of four; the ninth stands in none, and window 09 is none of this hall's.
    assert first["shown"] == told["total"] == {"count": 8, "counts": [7, 0, 1], "score": 87.5}
    assert (second["duty"], second["shown"]) == (None, {"count": 0, "counts": None, "score": None})

    await room.rate(18, (NOON - 1, "01", 3), (NOON - 2, "01", 3), (NOON - 3, "01", 3))
    assert (await room.get("/hall/picture")).json()["total"]["count"] == 8
    room.boottime += 15 * MINUTE_MS
    assert (await room.get("/hall/picture")).json()["total"]["count"] == 12
    # Few ratings have a count, and nothing that could be taken apart.
    room.tell(replace(HALL, version=2, least=20))
    assert (await room.get("/hall/picture")).json()["total"] == {"count": 12, "counts": None, "score": None}


async def test_a_new_day_begins_with_nothing(room: Room) -> None:
    room.tell(HALL)
    room.time()
    await room.rate(1, *((NOON - 3_000_000 + n, "01", 3) for n in range(8)))
    assert (await room.get("/hall/picture")).json()["total"]["count"] == 8
    room.boottime += 12 * 3_600_000
    assert (await room.get("/hall/picture")).json()["total"]["count"] == 0


async def test_the_codes_are_those_of_the_minute_and_the_key_is_told_nowhere(room: Room) -> None:
    room.tell(HALL, CATALOGUE)
    room.time()
    minute = NOON // MINUTE_MS - 1
    assert (await room.get("/hall/picture")).json()["minute"] == minute
    codes = (await room.get("/hall/codes")).json()
    assert codes["minute"] == minute
    assert [one["code"] for one in codes["codes"]] == [code_at(KEY, f"{A1}/0{n}", minute) for n in (1, 2)]
    assert all(one["path"].startswith("M") for one in codes["codes"])
    room.boottime += MINUTE_MS
    assert (await room.get("/hall/codes")).json()["minute"] == minute + 1
    for path in ("/hall", "/kiosk", "/hall/picture", "/hall/codes", "/kiosk/catalogue", "/kiosk/search?q=养老"):
        answer = await room.get(path)
        assert answer.status_code == 200
        assert HALL.codes not in answer.text
        assert KEY.hex() not in answer.text
    room.tell(replace(HALL, version=2, site=""))
    assert (await room.get("/hall/codes")).json()["codes"][0]["path"] == ""
    room.tell(replace(HALL, version=3, codes=""))
    told = (await room.get("/hall/picture")).json()
    assert (told["by_phone"], told["minute"]) == (False, None)
    assert (await room.get("/hall/codes")).status_code == 503


async def test_without_a_time_no_code_is_shown(room: Room) -> None:
    room.tell(HALL)
    told = (await room.get("/hall/picture")).json()
    assert (told["now"], told["minute"], told["by_phone"], told["notices"]) == (None, None, True, [])
    assert (await room.get("/hall/codes")).status_code == 503
    room.time()
    assert (await room.get("/hall/codes")).status_code == 200
    # The line is cut for so long that the time is not known well enough any more.
    room.boottime += FREEZE_BELOW_MS * 1_000_000 // DRIFT_PPM
    assert (await room.get("/hall/picture")).json()["now"] is None
    assert (await room.get("/hall/codes")).status_code == 503


async def test_since_when_the_city_is_not_heard_also_after_a_restart(room: Room) -> None:
    room.tell(HALL)
    room.time()
    room.heard_at = room.boottime / 1000
    room.boottime += 3_600_000
    room.up = False
    assert (await room.get("/hall/picture")).json()["quiet_since"] == NOON
    room.up, room.heard_at = True, room.boottime / 1000
    assert (await room.get("/hall/picture")).json()["quiet_since"] is None
    # A process that began while the line was cut knows it by what the journal keeps of the city's time.
    room.up, room.heard_at = False, None
    assert (await room.get("/hall/picture")).json()["quiet_since"] == 0
    anchor = room.timepiece.heard(Clock("city", 5, NOON + 3_600_000, 1), 0.0)
    assert anchor is not None
    await room.journal.remember(anchor)
    room.boottime += 3_600_000
    assert (await room.get("/hall/picture")).json()["quiet_since"] == NOON + 3_600_000


async def test_what_the_kiosk_answers(room: Room) -> None:
    room.tell(HALL, CATALOGUE)
    told = (await room.get("/kiosk/catalogue")).json()
    assert [one["code"] for one in told["services"]] == ["pension"]
    assert told["places"] == {"pension": [{"number": "01", "plate": {"zh": "社会保险", "en": "Social insurance"}}]}
    assert (await room.get("/kiosk/search?q=参保")).json() == {
        "version": 1,
        "hits": [{"kind": "service", "index": 0}],
    }
    assert (await room.get(f"/kiosk/search?q={'长' * 101}")).status_code == 422


async def test_every_file_of_the_pages_is_served_and_named_by_nobody_else(room: Room) -> None:
    for house in ("web", "hall", "kiosk"):
        folder = Path(__file__).parents[2] / "gateway" / house / "static"
        for file in folder.iterdir():
            answer = await room.get(f"/static/{house}/{file.name}")
            assert answer.status_code == 200
            again = await room.client.get(
                f"/static/{house}/{file.name}", headers={"If-None-Match": answer.headers["etag"]}
            )
            assert again.status_code == 304
            assert "://" not in file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert (await room.get("/static/hall/absent.js")).status_code == 404
