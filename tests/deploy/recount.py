"""Ratings spread over a week, the points they make, and what a person with a pencil would answer to each panel."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, NamedTuple

import pytest

from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from cloud.series.lines import DAILY, HOURLY, rating_lines, sum_lines
from contract.batch import Batch
from contract.identity import BUTTON, county_of, node_of, township_of
from contract.rating import Quality
from contract.rating import Row as Choice
from proof.scores import Counts

Row = dict[str, Any]
Check = Callable[["View", list[Row], str], None]

DAY_MS = 24 * HOUR_MS
CALENDAR = Calendar("Asia/Shanghai")
LEAST = "20"
WINDOWS = [
    f"{township}-a{node}/{number}"
    for township in ("371702001", "371702002", "371721121", "371722100")
    for node, number in ((1, "01"), (1, "02"), (2, "01"))
]
# Too few a day and too few in all: it must never be among the worst, bad as it is.
RARE = "371722100-b1/01"
DAYS = 7
A_DAY = 30
SCORE, COUNT, TOP, LOW = "得分 Score", "评价数 Ratings", "满意率 Satisfied %", "不满意率 Dissatisfied %"
LEVELS = ("满意 Satisfied", "基本满意 Basically satisfied", "不满意 Dissatisfied")


class Rating(NamedTuple):
    """`at` in ms; `level` 3 is the best."""

    at: int
    window: str
    channel: str
    level: int


TAG_OF: dict[str, Callable[[Rating], str]] = {
    "channel": lambda r: r.channel,
    "county": lambda r: county_of(r.window),
    "township": lambda r: township_of(r.window),
    "window": lambda r: r.window,
}


class Spread:
    """The same mixture of ratings on each of the last seven days, at random moments, none of them doubtful.

    Window number i was disliked i times a day, so that no two scores of a day are equal.
    """

    def __init__(self) -> None:
        random = Random(7)
        self.now = time.time_ns() // 1_000_000
        today = CALENDAR.start(CALENDAR.day(self.now))
        self.since = today - (DAYS - 1) * DAY_MS
        self.ratings: list[Rating] = []
        for day in range(DAYS):
            start = self.since + day * DAY_MS
            end = min(start + DAY_MS, self.now - 1000)
            for number, window in enumerate(WINDOWS):
                for i in range(A_DAY):
                    level = 1 if i < number else 2 if i < number + 3 else 3
                    self.ratings.append(Rating(self._moment(random, start, end), window, "button", level))
                for i in range(4):
                    self.ratings.append(Rating(self._moment(random, start, end), window, "phone", 1 + (i + number) % 3))
            if day % 3 == 0:
                self.ratings.append(Rating(self._moment(random, start, end), RARE, "button", 1))

    def _moment(self, random: Random, start: int, end: int) -> int:
        while True:
            at = random.randrange(start, max(end, start + 1))
            # The panels' own bounds are taken at the server, a moment later than ours.
            if abs(at - (self.now - HOUR_MS)) > 2 * MINUTE_MS or end - start < 10 * MINUTE_MS:
                return at

    def view(self, values: dict[str, Any]) -> "View":
        return View(self.ratings, self.since, self.now, values)

    def raw(self) -> list[str]:
        lines = []
        for seq, r in enumerate(self.ratings, start=1):
            row = Choice(0, r.window.partition("/")[2], r.level, 1)
            node = node_of(r.window) + ("" if r.channel == BUTTON else f".{r.channel}")
            batch = Batch(1, node, "q7Zk2wX0aB", seq, r.at, Quality.SYNCHRONISED, [row])
            lines += rating_lines(batch, [0])
        return lines

    def hours(self) -> list[str]:
        cells = tally(self.ratings, lambda r: (CALENDAR.hour(r.at), township_of(r.window), r.channel))
        return sum_lines(HOURLY, [(at // MINUTE_MS, *place, *n) for (at, *place), n in cells.items()])

    def days(self) -> list[str]:
        cells = tally(self.ratings, lambda r: (CALENDAR.start(CALENDAR.day(r.at)), r.window, r.channel))
        return sum_lines(DAILY, [(at // MINUTE_MS, *place, *n) for (at, *place), n in cells.items()])


class View:
    """The ratings under a dashboard's range (ms) and variables."""

    def __init__(self, ratings: list[Rating], since: int, until: int, values: dict[str, Any]) -> None:
        self.ratings = ratings
        self.since = since
        self.until = until
        self.values = values

    def offered(self, variable: str) -> list[str]:
        found = self.ratings
        if variable in {"township", "window"}:
            found = list(self.of_county(found))
        if variable == "window":
            found = [r for r in found if township_of(r.window) == self.values["township"]]
        return sorted({TAG_OF[variable](r) for r in found})

    def of_county(self, ratings: Iterable[Rating]) -> Iterable[Rating]:
        wanted = self.values["county"]
        return (r for r in ratings if wanted == ["$__all"] or county_of(r.window) in wanted)

    def channel(self) -> list[Rating]:
        return [r for r in self.ratings if r.channel == self.values["channel"]]

    def counties(self) -> list[Rating]:
        return list(self.of_county(self.channel()))

    def township(self) -> list[Rating]:
        return [r for r in self.channel() if township_of(r.window) == self.values["township"]]

    def window(self) -> list[Rating]:
        return [r for r in self.channel() if r.window == self.values["window"]]

    def fresh(self, ratings: Iterable[Rating]) -> list[Rating]:
        """Those of the last two days."""
        return [r for r in ratings if r.at >= self.until - 2 * DAY_MS]


def tally(ratings: Iterable[Rating], key: Callable[[Rating], Any]) -> dict[Any, Counts]:
    cells: defaultdict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
    for r in ratings:
        cells[key(r)][3 - r.level] += 1
    return {key: (n[0], n[1], n[2]) for key, n in cells.items()}


def figures(n: Counts) -> Row:
    """The four columns of a table, each by its own arithmetic."""
    count = sum(n)
    return {SCORE: (100 * n[0] + 60 * n[1]) / count, COUNT: count, TOP: 100 * n[0] / count, LOW: 100 * n[2] / count}


def levels(n: Counts) -> Row:
    return dict(zip(LEVELS, n, strict=True))


def score(n: Counts) -> Row:
    return {SCORE: figures(n)[SCORE]}


def count(n: Counts) -> Row:
    return {COUNT: sum(n)}


def same(rows: list[Row], wanted: list[Row], *keys: str) -> None:
    """The rows are those wanted, told apart by `keys`; times that nobody asked for are left out."""
    got = [{name: row[name] for name in wanted[0]} for row in rows]

    def order(row: Row) -> Any:  # noqa: ANN401
        return tuple(row[key] for key in keys)

    got.sort(key=order)
    wanted.sort(key=order)
    assert [order(row) for row in got] == [order(row) for row in wanted]
    for one, other in zip(got, wanted, strict=True):
        assert one == pytest.approx(other)


def bucket(at: int, interval: str) -> int:
    """The start of the local hour, or of so many of them, as counted from local midnight."""
    width = int(interval.removesuffix("h")) * HOUR_MS
    midnight = CALENDAR.start(CALENDAR.day(at))
    return midnight + (at - midnight) // width * width


def day(at: int) -> int:
    return CALENDAR.start(CALENDAR.day(at))


def total(shown: Callable[[Counts], Row], name: str) -> Check:
    def check(view: View, rows: list[Row], _: str) -> None:
        (n,) = tally(view.channel(), lambda _: 0).values()
        same(rows, [{name: shown(n)[name]}])

    return check


def newest(view: View, rows: list[Row], _: str) -> None:
    assert [row["time"] for row in rows] == [max(r.at for r in view.ratings)]


def over_time(pick: Callable[[View], list[Rating]], shown: Callable[[Counts], Row], width: str = "") -> Check:
    """Rows by time; `width` is fixed ("1m", "1h", "1d") or the dashboard's own."""

    def start(at: int, interval: str) -> int:
        if width == "1m":
            return at // MINUTE_MS * MINUTE_MS
        return day(at) if width == "1d" else bucket(at, width or interval)

    def check(view: View, rows: list[Row], interval: str) -> None:
        cells = tally(pick(view), lambda r: start(r.at, interval))
        same(rows, [{"time": at} | shown(n) for at, n in cells.items()], "time")

    return check


def minutes_of(level: int) -> Check:
    def pick(view: View) -> list[Rating]:
        return [r for r in view.fresh(view.channel()) if r.level == level]

    return over_time(pick, lambda n: {"sum": sum(n)}, "1m")


def older_minutes(view: View, rows: list[Row], _: str) -> None:
    """Hours that began more than two days before the end, as an average minute."""
    older = [r for r in view.channel() if CALENDAR.hour(r.at) < view.until - 2 * DAY_MS]
    cells = tally(older, lambda r: CALENDAR.hour(r.at))
    same(rows, [{"time": at} | {name: n / 60 for name, n in levels(n).items()} for at, n in cells.items()], "time")


def by(pick: Callable[[View], list[Rating]], *keys: str) -> Check:
    def check(view: View, rows: list[Row], _: str) -> None:
        cells = tally(pick(view), lambda r: tuple(TAG_OF[key](r) for key in keys))
        same(rows, [dict(zip(keys, names, strict=True)) | figures(n) for names, n in cells.items()], *keys)

    return check


def channels_by_day(view: View, rows: list[Row], _: str) -> None:
    cells = tally(view.ratings, lambda r: (day(r.at), r.channel))
    same(rows, [{"time": at, "channel": channel} | count(n) for (at, channel), n in cells.items()], "time", "channel")


def worst_by_day(view: View, rows: list[Row], _: str) -> None:
    cells = tally(finished(view.counties(), view), lambda r: (day(r.at), r.window))
    wanted = []
    for at in {at for at, _ in cells}:
        ranked = sorted(
            (figures(n)[SCORE], window, n) for (d, window), n in cells.items() if d == at and sum(n) >= int(LEAST)
        )
        wanted += [{"time": at, "window": window} | score(n) | count(n) for _, window, n in ranked[:5]]
    same(rows, wanted, "time", "window")


def worst(view: View, rows: list[Row], _: str) -> None:
    cells = tally(finished(view.counties(), view), lambda r: r.window)
    ranked = sorted((figures(n)[SCORE], window, n) for window, n in cells.items() if sum(n) >= int(LEAST))
    same(rows, [{"window": window} | score(n) | count(n) for _, window, n in ranked[:20]], "window")


def finished(ratings: Iterable[Rating], view: View) -> list[Rating]:
    """Those of days that are over."""
    return [r for r in ratings if day(r.at) + DAY_MS <= view.until]


def unveiled(view: View) -> list[Rating]:
    return [r for r in view.fresh(view.window()) if r.at < view.until - HOUR_MS]


ANSWERS: dict[str, Check] = {
    "全市 / 满意度得分 Score": total(figures, SCORE),
    "全市 / 评价数 Ratings": total(figures, COUNT),
    "全市 / 满意率 Satisfied %": total(figures, TOP),
    "全市 / 不满意率 Dissatisfied %": total(figures, LOW),
    "全市 / 最新评价 Newest rating": newest,
    "全市 / 满意度得分走势 Score over time": over_time(View.channel, score),
    "全市 / 每分钟评价数 Ratings per minute / A": minutes_of(3),
    "全市 / 每分钟评价数 Ratings per minute / B": minutes_of(2),
    "全市 / 每分钟评价数 Ratings per minute / C": minutes_of(1),
    "全市 / 每分钟评价数 Ratings per minute / D": older_minutes,
    "全市 / 每小时评价数 Ratings per hour": over_time(View.channel, levels, "1h"),
    "全市 / 每日评价数 Ratings per day": over_time(View.channel, levels, "1d"),
    "全市 / 各渠道 Channels": by(lambda view: view.ratings, "channel"),
    "全市 / 各渠道每日评价数 Ratings per day by channel": channels_by_day,
    "县区与乡镇街道 / 县区 Counties": by(View.counties, "county"),
    "县区与乡镇街道 / 乡镇街道 Townships": by(View.counties, "county", "township"),
    "县区与乡镇街道 / 每日最差窗口 Worst windows by day": worst_by_day,
    "县区与乡镇街道 / 时段内最差窗口 Worst windows in the range": worst,
    "乡镇街道 / 得分走势 Score over time": over_time(View.township, score),
    "乡镇街道 / 每小时评价数 Ratings per hour": over_time(View.township, levels, "1h"),
    "乡镇街道 / 每分钟评价数 Ratings per minute": over_time(lambda view: view.fresh(view.township()), count, "1m"),
    "乡镇街道 / 窗口 Windows": by(lambda view: finished(view.township(), view), "window"),
    "窗口 / 每日得分 Score by day": over_time(lambda view: finished(view.window(), view), score, "1d"),
    "窗口 / 每日评价数 Ratings per day": over_time(lambda view: finished(view.window(), view), levels, "1d"),
    "窗口 / 每小时评价数 Ratings per hour": over_time(unveiled, count, "1h"),
}
