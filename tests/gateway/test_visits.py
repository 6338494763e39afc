"""Visits at the gateway: taken once, asked about until somebody knows, told once, and nothing made up."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from random import Random

import httpx
import pytest
from fastapi import FastAPI

from contract.batch import Batch
from contract.codec import stored_batch
from contract.errors import SettingsError, StoreFull
from contract.prompt import Answer, Prompt, Standing
from contract.rating import Became, Quality, Row
from contract.signing import Signer
from gateway.visits import desk as desk_module
from gateway.visits.desk import Elsewhere, Visits
from gateway.visits.routes import Routes
from gateway.visits.rules import GIVE_UP_MS, GRACE_MS, RESEND_MS, Asked, left_over, shown, step
from gateway.visits.settings import Visits as Settings
from gateway.visits.settings import secret_of
from gateway.visits.store import FORGET_MS, KEEP_MS, VisitStore
from gateway.visits.visit import Finished
from transport.dating import Anchor, Dating
from transport.intake import Verified
from transport.lanes import Item
from transport.shelf import Shelf
from transport.station import Station
from transport.timepiece import Timepiece

A1, G0 = "371721121-a1", "371721121-g0"
W1, W2 = f"{A1}/01", f"{A1}/02"
NOON = 1_763_784_000_000
GATEWAY, NODE = Signer(b"3" * 32), Signer(b"1" * 32)
WAIT = 20_000
SECRET = "s" * 32


class Hall:
    """A gateway's visits on real stores, with a clock and a line to the node that the test holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1_000
        self.boot = "boot"
        self.dating = Dating()
        self.sent: list[Prompt] = []
        self.told: list[Batch] = []
        self.random = Random(5)
        self.epochs = 0

    def know_the_time(self) -> None:
        self.dating.learn(Anchor(self.boot, self.now, NOON + self.now, 1))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Visits]:
        """One run of the gateway's process."""
        self.epochs += 1
        store = await VisitStore.open_sound(self.folder / "visits.db")
        journal = await Shelf.open_sound(self.folder / "journal.db")
        timepiece = Timepiece(self.dating, boot=self.boot, boottime_ms=lambda: self.now, wall_ms=lambda: 0)
        station = Station(G0, f"EPOCH{self.epochs:05}", GATEWAY, b"", timepiece)
        visits = Visits(
            store,
            station,
            journal,
            wait_ms=WAIT,
            send=self._send,
            recorded=self._recorded,
            windows_of=lambda node: ["01", "02"] if node == A1 else None,
            random_bits=self.random.getrandbits,
        )
        self.store, self.journal = store, journal
        try:
            yield await visits.open()
        finally:
            await store.close()
            await journal.close()

    def _send(self, prompt: Prompt) -> bool:
        self.sent.append(prompt)
        return True

    def _recorded(self, _items: list[Item], batches: list[Verified]) -> None:
        self.told += [batch for batch, _ in batches]

    async def turn(self, visits: Visits, ms: int = 0) -> None:
        """Let time pass, and all that is due then be done."""
        self.now += ms
        await visits.turn()

    def rows(self) -> list[tuple[str, str, Became, str | None]]:
        """What the city is told: who speaks, window, what became of it, for which token."""
        return [(one.node, row.window, Became(row.level), row.token) for one in self.told for row in one.rows]


@pytest.fixture
def hall(tmp_path: Path) -> Hall:
    return Hall(tmp_path)


def says(token: str, standing: Standing) -> Answer:
    return Answer(A1, token, standing)


def rated(token: str | None) -> list[Verified]:
    return [(Batch(1, A1, "AAAAAAAAAA", 1, NOON, Quality.SYNCHRONISED, [Row(0, "01", 1, 1, None, token)]), b"")]


# What is done about a visit


def test_it_is_shown_at_once_again_while_nobody_answers_and_never_for_less_than_half_its_time() -> None:
    asked, now, sent = Asked("t", W1, 0, WAIT), 0, []
    while now < WAIT + GRACE_MS:
        asked, wait_ms, up = step(asked, now)
        assert not up
        if wait_ms is not None:
            sent.append((now, wait_ms))
        assert asked.due > now
        now = asked.due

    assert sent == [(at, WAIT - at) for at in range(0, WAIT // 2 + 1, RESEND_MS)]
    assert step(asked, now).wait_ms == 0


def test_what_the_node_shows_is_not_sent_again_and_asked_about_when_it_is_over() -> None:
    asked = shown(step(Asked("t", W1, 0, WAIT), 0).asked)

    assert asked.due == WAIT + GRACE_MS
    assert step(asked, 5_000).wait_ms is None
    assert step(asked, asked.due).wait_ms == 0


def test_it_is_asked_more_and_more_seldom_and_given_up_at_last() -> None:
    asked, now, times = left_over("t", W1, 50_000), 50_000, []
    while True:
        asked, wait_ms, up = step(asked, now)
        if up:
            break
        assert wait_ms == 0
        times.append(now)
        now = asked.due

    pauses = [after - before for before, after in pairwise(times)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 60_000
    assert now >= 50_000 - GRACE_MS + GIVE_UP_MS


# The desk


async def test_a_rating_with_its_token_is_told_once_and_the_same_transaction_is_the_same_visit(hall: Hall) -> None:
    hall.know_the_time()
    async with hall.open() as visits:
        visit, new = await visits.take(Finished(W1, "A-17", "3713-0042"))
        again, anew = await visits.take(Finished(W1, "A-17"))
        with pytest.raises(Elsewhere, match=r"^token A-17: it was finished at window 371721121-a1/01 already$"):
            await visits.take(Finished(W2, "A-17"))

        assert (new, anew, again.token) == (True, False, visit.token)
        assert hall.sent == [Prompt(A1, "01", visit.token, WAIT, NOON + 1_000, "3713-0042")]
        visits.became(says(visit.token, "shown"))
        visits.passed(rated(visit.token) + rated(None) + rated("SOMEBODY_E"))
        await hall.turn(visits)
        visits.became(says(visit.token, "rated"))
        await hall.turn(visits, 100_000)

        assert hall.rows() == [(f"{A1}.prompt", "01", Became.RATED, visit.token)]
        assert hall.told[0].rows[0].item == "3713-0042"
        assert (found := await visits.of("A-17")) is not None
        assert found.became is Became.RATED
        assert len(hall.sent) == 1


@pytest.mark.parametrize(
    ("standing", "became"), [("silent", Became.SILENT), ("unknown", Became.UNSHOWN), ("rated", Became.RATED)]
)
async def test_what_the_node_says_is_what_is_told(hall: Hall, standing: Standing, became: Became) -> None:
    hall.know_the_time()
    async with hall.open() as visits:
        visit, _ = await visits.take(Finished(W1, "A-17"))
        visits.became(Answer("371721121-a2", visit.token, "rated"))
        visits.became(says(visit.token, standing))
        visits.became(says(visit.token, "silent"))
        await hall.turn(visits)

        assert [row[2] for row in hall.rows()] == [became]


async def test_a_node_that_never_answers_is_no_silence(hall: Hall) -> None:
    hall.know_the_time()
    async with hall.open() as visits:
        visit, _ = await visits.take(Finished(W1, "A-17"))
        for _ in range(200):
            await hall.turn(visits, 30_000)

        assert hall.rows() == [(f"{A1}.prompt", "01", Became.UNSHOWN, visit.token)]
        # The node was only far away: the rating is what counts, and is found by its token.
        visits.passed(rated(visit.token))
        await hall.turn(visits)
        assert (found := await visits.of("A-17")) is not None
        assert found.became is Became.RATED
        assert len(hall.told) == 1


async def test_the_next_visit_at_a_window_ends_the_sending_of_the_one_before(hall: Hall) -> None:
    async with hall.open() as visits:
        first, _ = await visits.take(Finished(W1, "A-17"))
        other, _ = await visits.take(Finished(W2, "A-18"))
        second, _ = await visits.take(Finished(W1, "A-19"))
        hall.sent.clear()
        await hall.turn(visits, RESEND_MS)

        assert {prompt.token for prompt in hall.sent} == {other.token, second.token}
        assert first.token in visits._asked


async def test_a_power_cut_of_the_gateway_loses_no_visit_and_tells_none_twice(hall: Hall) -> None:
    hall.know_the_time()
    async with hall.open() as visits:
        waiting, _ = await visits.take(Finished(W1, "A-17"))
        told, _ = await visits.take(Finished(W2, "A-18"))
        visits.became(says(told.token, "silent"))
        await hall.turn(visits)
        untold, _ = await visits.take(Finished(W2, "A-19"))
        await hall.store.became(untold.token, Became.SILENT)
        # Cut, and the power goes before the journal has it.
        await hall.store.cut()
    hall.sent.clear()
    async with hall.open() as visits:
        await hall.turn(visits)
        assert [(prompt.token, prompt.wait_ms) for prompt in hall.sent] == [(waiting.token, 0)]
        visits.became(says(waiting.token, "unknown"))
        await hall.turn(visits)
        assert sorted(hall.rows()) == sorted(
            [
                (f"{A1}.prompt", "02", Became.SILENT, told.token),
                (f"{A1}.prompt", "02", Became.SILENT, untold.token),
                (f"{A1}.prompt", "01", Became.UNSHOWN, waiting.token),
            ]
        )
        # Numbers without a gap, and each epoch names the one before it.
        numbers = [(one.epoch, one.first, one.prev) for one in hall.told]
        assert numbers == [
            ("EPOCH00001", 1, None),
            ("EPOCH00001", 2, None),
            ("EPOCH00002", 1, ("EPOCH00001", 2)),
        ]


async def test_without_the_time_visits_are_taken_and_told_once_it_is_known(hall: Hall) -> None:
    async with hall.open() as visits:
        visit, _ = await visits.take(Finished(W1, "A-17"))
        assert hall.sent == [Prompt(A1, "01", visit.token, WAIT)]
        visits.became(says(visit.token, "silent"))
        await hall.turn(visits, 500)
        assert hall.told == []
        hall.know_the_time()
        await hall.turn(visits, 500)

        assert [(batch.t0, batch.q) for batch in hall.told] == [(NOON + 1_000, Quality.CORRECTED)]


async def test_a_full_disk_takes_nothing(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hall.open() as visits:
        monkeypatch.setattr(hall.store.disk, "free", lambda: 0)
        with pytest.raises(StoreFull):
            await visits.take(Finished(W1, "A-17"))

        assert hall.sent == []
        assert visits._asked == {}


async def test_a_transaction_is_forgotten_after_a_day_and_the_visit_after_a_month(hall: Hall) -> None:
    hall.know_the_time()
    async with hall.open() as visits:
        visit, _ = await visits.take(Finished(W1, "A-17"))
        visits.became(says(visit.token, "silent"))
        await hall.turn(visits)
        await hall.store.forget(NOON + 1_001 + FORGET_MS)
        assert await visits.of("A-17") is None
        anew, new = await visits.take(Finished(W1, "A-17"))
        assert new
        assert anew.token != visit.token
        await hall.store.forget(NOON + 1_001 + KEEP_MS)
        count = await hall.store.disk.read("SELECT count(*) FROM visit")
        assert count[0][0] == 1


async def test_a_damaged_store_keeps_what_is_sound(hall: Hall) -> None:
    hall.know_the_time()
    async with hall.open() as visits:
        for number in range(3):
            await visits.take(Finished(W1, f"A-{number}"))
        await hall.store.disk.write("UPDATE visit SET window = '371721121-a1/03' WHERE id = 2")
    async with hall.open() as visits:
        assert [(await visits.of(f"A-{number}")) is not None for number in range(3)] == [True, False, True]


# Over HTTP


@asynccontextmanager
async def asking(visits: Callable[[], Visits | None]) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(Routes(visits, SECRET).router())
    transport, known = httpx.ASGITransport(app), {"Authorization": f"Bearer {SECRET}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=known) as client:
        yield client


async def test_over_http(hall: Hall) -> None:
    hall.know_the_time()
    async with hall.open() as visits, asking(lambda: visits) as client:
        taken = await client.post("/visits", json={"window": W1, "token": "A-17", "because": "payment"})
        assert taken.status_code == 201
        assert taken.json() == {
            "window": W1, "token": "A-17", "item": None, "because": "payment", "at": NOON + 1_000, "became": "waiting",
        }  # fmt: skip
        visits.became(says(hall.sent[0].token, "silent"))
        assert (await client.get("/visits/A-17")).json()["became"] == "silent"
        assert (await client.post("/visits", json={"window": W1, "token": "A-17"})).status_code == 200
        assert (await client.post("/visits", json={"window": W2, "token": "A-17"})).status_code == 409
        assert (await client.get("/visits/A-18")).status_code == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "Input data was truncated"),
        (b"[]", "Expected `object`"),
        (b'{"window":"371721121-a1/01"}', "missing required field `token`"),
        (b'{"window":"371721121-a1/01","token":"a b"}', "token"),
        (b'{"window":"371721121-a1/01","token":"t","level":3}', "unknown field `level`"),
        (b'{"window":"371721121-a1/01","token":"t","item":"\xe6\x88\xb7\xe7\xb1\x8d"}', "item"),
        (b'{"window":"371721121-a1/01","token":"t","because":"bored"}', "because"),
        (b'{"window":"02","token":"t"}', "window '02': expected node/window, e.g. 371721121-a1/02"),
        (b'{"window":"371721121-a9/01","token":"t"}', "there is no node 371721121-a9 in township 371721121"),
        (b'{"window":"371721121-a1/07","token":"t"}', "node 371721121-a1 has 01, 02"),
    ],
)
async def test_bad_input_is_told_and_nothing_happens(hall: Hall, body: bytes, said: str) -> None:
    async with hall.open() as visits, asking(lambda: visits) as client:
        answer = await client.post("/visits", content=body)
        assert answer.status_code == 422
        assert said in answer.json()["detail"]
        assert (await client.post("/visits", content=b" " * 5000)).status_code == 413
        assert hall.sent == []


async def test_who_does_not_say_the_secret_learns_nothing(hall: Hall) -> None:
    async with hall.open() as visits, asking(lambda: visits) as client:
        await visits.take(Finished(W1, "A-17"))
        for said in ("", "Bearer", f"Bearer {SECRET}s", f"bearer {SECRET}", "Bearer \u00e9"):
            headers = {b"Authorization": said.encode()}
            for answer in (
                await client.get("/visits/A-17", headers=headers),
                await client.post("/visits", json={"window": W1, "token": "A-18"}, headers=headers),
            ):
                assert answer.status_code == 401
                assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert await visits.of("A-18") is None


async def test_while_the_gateway_starts_or_its_disk_is_full(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(lambda: None) as client:
        assert (await client.get("/visits/A-17")).status_code == 503
    async with hall.open() as visits, asking(lambda: visits) as client:
        monkeypatch.setattr(hall.store.disk, "free", lambda: 0)
        assert (await client.post("/visits", json={"window": W1, "token": "A-17"})).status_code == 507


def test_a_secret_that_others_can_read_or_guess_is_refused(tmp_path: Path) -> None:
    file, settings = tmp_path / "visits.secret", Settings("visits.secret").seen_from(tmp_path)
    with pytest.raises(SettingsError, match="cannot be read"):
        secret_of(settings)
    file.write_text("short\n")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        secret_of(settings)
    file.chmod(0o600)
    with pytest.raises(SettingsError, match="openssl rand"):
        secret_of(settings)
    file.write_text(f"{SECRET}\n")
    assert secret_of(settings) == SECRET


async def test_what_is_told_is_signed_by_the_gateway(hall: Hall) -> None:
    hall.know_the_time()
    async with hall.open() as visits:
        visit, _ = await visits.take(Finished(W1, "A-17"))
        visits.became(says(visit.token, "silent"))
        await hall.turn(visits)
        [raw] = (await hall.journal.raws([1])).values()
        assert raw == GATEWAY.entry(raw.partition(b"\n")[0])
        assert stored_batch(raw) == hall.told[0]
        assert [hello.startswith(b'{"kind":"hello"') for hello in visits.hellos()] == [True]
        assert visits.hellos() == []
        await hall.turn(visits, desk_module.HELLO_MS)
        assert len(visits.hellos()) == 1
