"""Law 11: what judges misuse sees times and names and never the grade; it flags, and never deletes."""

import ast
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from cloud.database import Database, metadata
from cloud.misuse import sight
from cloud.misuse.rules import Flag, judge
from cloud.misuse.sight import Seen, numbers, packed, seen, unpacked
from contract.batch import Batch
from contract.rating import Quality, Row
from tests.cloud.filled import batch_entry
from tests.cloud.watching import (
    CALENDAR,
    DAY,
    NODE,
    POLICY,
    at,
    batches,
    commit,
    diary_of,
    filter_of,
    kept,
    one,
    registry_of,
    steady,
    weekdays,
)

ROOM = Path(__file__).parents[2] / "cloud" / "misuse"
WEEK = weekdays(DAY, 6)
LEVELS = st.integers(1, 3)
# Words by which a grade, or what is made of grades, is called anywhere in the city.
GRADED = {
    "level",
    "levels",
    "grade",
    "satisfied",
    "basic",
    "dissatisfied",
    "score",
    "scores",
    "counts_of",
    "tally_minute",
}
# What these modules hand on has a grade in it.
GRADED_MODULES = (
    "contract.batch",
    "contract.rating",
    "contract.codec",
    "proof",
    "cloud.series",
    "cloud.board",
    "cloud.tallies",
)


@st.composite
def weeks(draw: st.DrawFn) -> list[Seen]:
    """A week of a node with a good deal of misuse in it: anything may stand close to anything."""
    random = Random(draw(st.integers(0, 2**32)))
    ratings = [r for day in WEEK for r in steady(day, seed=str(random.random()), per_day=random.choice([5, 40, 90]))]
    for day in WEEK:
        for _ in range(draw(st.integers(0, 3))):
            start = at("00:00", day) + random.randrange(86_400_000 // 2)
            gap = random.choice([3_500, 5_000, 20_000, 61_000])
            presses = random.choice([1, 1, 1, 9])
            run = [start + gap * index for index in range(random.choice([2, 12, 45]))]
            ratings += [one(moment, window=random.choice(["01", "02"]), presses=presses) for moment in run]
    return sorted({rating.at: rating for rating in ratings}.values())


@settings(max_examples=40)
@given(weeks(), st.data())
def test_permuting_the_grades_changes_no_flag(ratings: list[Seen], data: st.DataObject) -> None:
    """The ledger's own bytes, graded twice: what is seen of them, and all that is judged from it, is the same."""
    random = data.draw(st.randoms(use_true_random=False))
    levels = [random.choice([1, 2, 3, 3, 3]) for _ in ratings]
    permuted = levels[:]
    random.shuffle(permuted)

    def flags(grades: list[int]) -> list[list[Flag]]:
        entries = [batch_entry(batch) for batch in batches(ratings, grades)]
        read = [rating for entry in entries for rating in seen(entry.raw, range(entry.last - entry.first + 1))]
        diary = diary_of(read)
        return [judge(NODE, day, diary, POLICY, over=True) for day in WEEK]

    found = flags(levels)
    note(f"{sum(map(len, found))} flags")
    assert found == flags(permuted)


@pytest.mark.parametrize("seed", range(2))
async def test_permuting_the_grades_changes_no_flag_in_the_database(database: Database, seed: int) -> None:
    """The whole way, two nodes with the same times: other grades, the same flags; only the flagged counts differ."""
    random = Random(seed)
    ratings = [rating for day in WEEK for rating in steady(day)]
    ratings += [one(at("15:00") + 4_000 * index, presses=1 + index % 3) for index in range(60)]
    levels = [random.choice([1, 2, 3]) for _ in ratings]
    for node in (NODE, "371721121-b2"):
        await commit(database, batches(sorted(ratings), levels, node=node))
        random.shuffle(levels)
    await filter_of(database, at("08:00", CALENDAR.later(DAY, 1)), registry_of("01")).catch_up()

    found = (await kept(database))["flags"]
    first = [row[1:3] + row[4:] for row in found if row[0] == NODE]
    assert first
    assert first == [row[1:3] + row[4:] for row in found if row[0] != NODE]


@given(st.lists(st.tuples(st.integers(0, 10**6), LEVELS, LEVELS, st.integers(1, 9)), min_size=1, max_size=20))
def test_what_is_seen_of_a_batch_is_everything_but_the_grade(rows: list[tuple[int, int, int, int]]) -> None:
    def read(which: int) -> list[Seen]:
        content = [Row(row[0], "02", row[which], row[3]) for row in rows]
        batch = Batch(1, NODE, "q7Zk2wX0aB", 7, at("10:00"), Quality.CORRECTED, content)
        return list(seen(batch_entry(batch).raw, range(len(rows))))

    assert read(1) == read(2)
    assert [(s.at - at("10:00"), s.window, s.number, s.presses, s.sure) for s in read(1)] == [
        (ms, "02", 7 + index, presses, True) for index, (ms, _, _, presses) in enumerate(rows)
    ]


def test_a_grade_of_any_shape_is_thrown_away_while_it_is_read() -> None:
    """Not even something that is no grade at all comes through the decoder, so there is nothing to leak."""
    line = '{"v":1,"node":"n","epoch":"e","first":1,"t0":5,"q":2,"rows":[[1,"01",%s,2]]}\nsigned'
    read = [list(seen((line % value).encode(), [0])) for value in ("1", "3", '"x"', "[1,2]", "null")]
    assert read == [[Seen(6, "01", "e", 1, 2, sure=False)]] * 5


def test_no_struct_of_the_room_has_a_field_for_a_grade() -> None:
    assert Seen._fields == ("at", "window", "epoch", "number", "presses", "sure", "token", "visit")
    lines = [value for value in vars(sight).values() if isinstance(value, type) and issubclass(value, msgspec.Struct)]
    fields = {field.name: field.type for struct in lines for field in msgspec.structs.fields(struct)}
    assert not fields.keys() & GRADED
    # The one field at the grade's place can hold nothing but a mark that it was not looked at.
    assert vars(fields["unseen"]).get("__slots__") == ()


def words(tree: ast.AST) -> Iterator[str]:
    """Every name and attribute in the code, and every word of its strings, without the docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield from node.value.replace(",", " ").replace("(", " ").split()


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("file", sorted(ROOM.glob("*.py")), ids=lambda file: file.name)
def test_the_room_speaks_of_no_grade_and_imports_nothing_that_has_one(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert set(words(tree)) & GRADED == set()
    assert not {"batch", "stored_batch", "rows_of"} & {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }
    assert [name for name in imports(tree) if name.startswith(GRADED_MODULES)] == []


def test_the_source_test_would_see_a_grade() -> None:
    tree = ast.parse("from contract.rating import Row\nSQL = 'SELECT satisfied, n FROM t'\nx = row.level\n")
    assert {"satisfied", "level"} <= set(words(tree))
    assert "contract.rating" in set(imports(tree))


SEEN = st.builds(
    Seen,
    st.integers(0, 86_399_999),
    st.sampled_from(["01", "x"]),
    st.sampled_from("ab"),
    st.integers(1, 99),
    st.integers(1, 5),
    st.booleans(),
    st.sampled_from(["", "TOKEN_____"]),
    st.integers(0, 3),
)


@given(st.lists(SEEN))
def test_a_day_is_kept_and_read_again_as_it_was(ratings: list[Seen]) -> None:
    start = at("00:00")
    day = list({(r.epoch, r.number): r._replace(at=start + r.at) for r in ratings}.values())
    assert unpacked(packed(day, start), start) == sorted(day)
    assert packed(reversed(day), start) == packed(day, start)
    covered = [(epoch, number) for epoch, first, last in numbers(day) for number in range(first, last + 1)]
    assert covered == sorted({(r.epoch, r.number) for r in day})


def test_no_table_of_the_room_has_a_column_for_a_grade() -> None:
    columns = {
        column.name for name, table in metadata.tables.items() if name.startswith("misuse") for column in table.columns
    }
    assert "figures" in columns
    assert not columns & GRADED
