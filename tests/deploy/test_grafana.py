"""The dashboard for the control centre's IT: every query of it against a real InfluxDB, recounted naively."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from firmware_sim.servers.influx import Influx
from tests.deploy.recount import ANSWERS, DAY_MS, LEAST, Row, Spread, View

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARD = json.loads((FOLDER / "dashboards" / "city.json").read_text(encoding="utf-8"))
SOURCE = yaml.safe_load((FOLDER / "provisioning/datasources/manyi.yaml").read_text(encoding="utf-8"))
PROVIDER = yaml.safe_load((FOLDER / "provisioning/dashboards/manyi.yaml").read_text(encoding="utf-8"))
VARIABLES = {one["name"]: one for one in DASHBOARD["templating"]["list"]}


def queries() -> list[tuple[str, dict[str, Any], str]]:
    """Name (row / title / letter), panel and text of every query, in the order of the page."""
    found = []
    row = ""
    for panel in DASHBOARD["panels"]:
        if panel["type"] == "row":
            row = panel["title"].split()[0]
        for target in panel.get("targets", ()):
            assert target["rawQuery"]
            name = f"{row} / {panel['title']}"
            found.append(
                (name if len(panel["targets"]) == 1 else f"{name} / {target['refId']}", panel, target["query"])
            )
    return found


def interpolated(query: str, view: View, *, interval: str = "1m") -> str:
    """`query` as Grafana 10 and 11 send it: variables first, as their kind wants it, then the macros.

    A variable of several values in a regular expression becomes `(a|b)`, with what is special escaped; All becomes its
    own pattern as it stands; a single one stays as it is.
    """
    for name, value in view.values.items():
        if VARIABLES[name]["multi"] and value == ["$__all"]:
            text = VARIABLES[name]["allValue"]
        elif isinstance(value, list):
            text = "(" + "|".join(re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", one) for one in value) + ")"
        else:
            text = value
        query = text.join(re.split(rf"\$(?:{name}\b|\{{{name}\}})", query))
    query = query.replace("${__to}", str(view.until)).replace("${__from}", str(view.since))
    query = query.replace("$timeFilter", f"time >= {view.since}ms and time <= {view.until}ms")
    query = query.replace("$__interval_ms", "0").replace("$__interval", interval)
    assert "$" not in re.sub(r"\$/", "", query), f"Grafana knows no such variable: {query}"
    return query


class Store:
    """The InfluxDB under test, asked with a user and a password as Grafana does."""

    def __init__(self, influx: Influx, database: str) -> None:
        user, _, password = influx.token.partition(":")
        self._http = httpx.Client(base_url=influx.url, auth=(user, password), trust_env=False, timeout=15)
        self._database = database
        self.ask(f'CREATE DATABASE "{database}" WITH DURATION 400d REPLICATION 1 NAME "raw"')
        self.ask(f'CREATE RETENTION POLICY "forever" ON "{database}" DURATION INF REPLICATION 1')

    def write(self, policy: str, lines: list[str]) -> None:
        bucket = {"bucket": f"{self._database}/{policy}", "org": "manyi", "precision": "ns"}
        self._http.post("/api/v2/write", params=bucket, content="\n".join(lines)).raise_for_status()

    def ask(self, query: str) -> list[Row]:
        """What Grafana's table shows: a row each with its tags, its fields, and its time in ms."""
        answer = self._http.post("/query", data={"db": self._database, "q": query, "epoch": "ms"})
        answer.raise_for_status()
        (result,) = answer.json()["results"]
        assert "error" not in result, f"{result['error']}: {query}"
        return [
            dict(series.get("tags", {})) | dict(zip(series["columns"], values, strict=True))
            for series in result.get("series", ())
            for values in series["values"]
        ]

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def store(influx: Influx, influx_database: str) -> Iterator[Store]:
    opened = Store(influx, influx_database)
    yield opened
    opened.close()


def chosen(store: Store, spread: Spread, county: list[str]) -> View:
    """What a person sees who chose `county`, and then the first of everything that is offered."""
    view = spread.view({"channel": "button", "county": county, "least": LEAST})
    for name in ("township", "window"):
        offered = [row["value"] for row in store.ask(interpolated(VARIABLES[name]["query"], view))]
        assert offered == view.offered(name), f"{name}: offered for {county}"
        view.values[name] = offered[0]
        print(f"variable {name}: {len(offered)} offered for {county}")  # noqa: T201  (the line that -s shows)
    return view


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("county", "interval"), [(["$__all"], "1h"), (["371702", "371721"], "6h")])
def test_each_query_answers_what_a_naive_recount_finds(store: Store, county: list[str], interval: str) -> None:
    spread = Spread()
    store.write("raw", spread.raw())
    store.write("forever", spread.hours() + spread.days())
    for name in ("channel", "county"):
        offered = [row["value"] for row in store.ask(VARIABLES[name]["query"])]
        assert offered == spread.view({}).offered(name)
        print(f"variable {name}: {len(offered)} offered")  # noqa: T201
    view = chosen(store, spread, county)
    asked = set()
    for name, panel, query in queries():
        rows = store.ask(interpolated(query, view, interval=interval if panel.get("interval") else "1m"))
        print(f"{name}: {len(rows)} rows")  # noqa: T201
        assert rows, f"{name}: nothing came back"
        ANSWERS[name](view, rows, interval)
        asked.add(name)
    assert asked == set(ANSWERS)


def test_a_wrong_number_is_seen(store: Store) -> None:
    """The recount must be able to fail: one point too many, and the totals no longer agree."""
    spread = Spread()
    store.write("raw", spread.raw())
    store.write("forever", spread.hours() + spread.days())
    view = chosen(store, spread, ["$__all"])
    extra = spread.hours()[0].rpartition(" ")[0].replace("township=", "township=9") + f" {view.since + 60_000}000000"
    store.write("forever", [extra])
    name, _, query = next(one for one in queries() if "评价数 Ratings" in one[0])
    with pytest.raises(AssertionError):
        ANSWERS[name](view, store.ask(interpolated(query, view)), "1h")


def test_single_ratings_are_read_for_two_days_at_most() -> None:
    for name, _, query in queries():
        if '"raw"."rating"' in query:
            assert "time >= ${__to}ms - 2d" in query, name


def test_no_fresh_rating_of_a_single_window_shows() -> None:
    """As in the API: the last hour, and days that are still open, could show one person's own choice."""
    seen = []
    for name, _, query in queries():
        groups = re.search(r'GROUP BY (time\([^)]*\))?[^)]*"window"', query)
        if groups or "'$window'" in query:
            seen.append(name)
            hours = not groups and '"raw"' in query and "level" not in query
            assert f"time < now() - {'1h' if hours else '1d'}" in query, name
            assert '"raw"' not in query or "level" not in query, name
        else:
            assert "window" not in query, name
    assert len(seen) == 6
    assert min(int(option["value"]) for option in VARIABLES["least"]["options"]) == int(LEAST)
    assert VARIABLES["least"]["query"] == ",".join(option["value"] for option in VARIABLES["least"]["options"])


def test_channels_are_never_pooled() -> None:
    for name, _, query in queries():
        assert (
            "\"channel\" = '$channel'" in query or '"channel"' in query.partition("GROUP BY")[2] or "last(" in query
        ), name


def test_every_panel_and_variable_asks_the_provisioned_source() -> None:
    (source,) = SOURCE["datasources"]
    wanted = {"type": source["type"], "uid": source["uid"]}
    asking = [
        one for panel in DASHBOARD["panels"] for one in (panel, *panel.get("targets", ())) if panel["type"] != "row"
    ]
    asking += [one for one in VARIABLES.values() if one["type"] == "query"]
    assert all(one["datasource"] == wanted for one in asking)
    assert source["jsonData"]["dbName"] == "manyi"


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_titles_are_chinese_first_and_english_beside() -> None:
    titles = [panel["title"] for panel in DASHBOARD["panels"]] + [one["label"] for one in VARIABLES.values()]
    for title in titles:
        assert re.match(r"^[\u4e00-\u9fff].*[A-Za-z]", title), title


def test_names_of_places_are_the_city_s_own() -> None:
    table = (FOLDER.parents[1] / "cloud/registry/places.csv").read_text(encoding="utf-8").splitlines()[1:]
    county = {row.split(",")[0]: " ".join(row.split(",")[3:5]) for row in table}
    township = {row.split(",")[5]: " ".join(row.split(",")[8:10]) for row in table}
    wanted = {"county": county, "township": township}
    seen = set()
    for panel in DASHBOARD["panels"]:
        for override in panel.get("fieldConfig", {}).get("overrides", ()):
            for one in override["properties"]:
                if one["id"] == "mappings":
                    field = override["matcher"]["options"]
                    named = {code: text["text"] for code, text in one["value"][0]["options"].items()}
                    assert named == wanted[field]
                    seen.add(field)
    assert seen == {"county", "township"}


def test_secrets_stand_elsewhere() -> None:
    (source,) = SOURCE["datasources"]
    assert source["url"] == "$MANYI_INFLUX_URL"
    assert all(re.fullmatch(r"\$__file\{/[^}]+\}", value) for value in source["secureJsonData"].values())
    for file in FOLDER.rglob("*"):
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            for line in re.findall(r"(?im)^.*\b(?:password|token|secret)\b\s*[:=]\s*(\S.*)$", text):
                assert line.startswith("$"), f"{file}: {line}"


def test_the_provider_reads_a_folder_that_is_told_it() -> None:
    (provider,) = PROVIDER["providers"]
    assert provider["options"] == {"path": "$MANYI_DASHBOARDS"}
    assert SOURCE["apiVersion"] == PROVIDER["apiVersion"] == 1
    assert DASHBOARD["schemaVersion"] == 38
    assert DAY_MS == 86_400_000
