"""A rating is seen when that gives nobody away, and no more of it than that."""

from hypothesis import given
from hypothesis import strategies as st

from cloud.cases.case import Rating
from cloud.cases.rules import act, opened
from cloud.cases.sifting import sifted
from cloud.cases.veil import FOREVER, Viewer, seen_from, shown, shown_rating, shown_step, unseen_from, viewer_of
from cloud.ledger.counting import Entry, Rows
from cloud.people.rules import ROLES
from contract.batch import Batch
from contract.codec import encode
from contract.rating import Quality, Row
from tests.cloud.conftest import NODE, SIGNERS
from tests.cloud.docket import CALENDAR, DAY_MS, MINUTE_MS, NOON, POLICY, TERMS, WINDOW, at, person, request

FIVE = 5 * MINUTE_MS


@given(st.integers(NOON, NOON + DAY_MS), st.integers(0, 5), st.integers(-FIVE, 3 * FIVE))
def test_the_moment_of_appearing_does_not_give_the_press_away(received: int, others: int, later: int) -> None:
    now = received + later
    found = seen_from(received, others, now, POLICY.veil)
    by_time = seen_from(received, 0, now, POLICY.veil)
    assert by_time % FIVE == 0
    assert received + FIVE <= by_time < received + 2 * FIVE
    # Nor does the moment of the third that came after it: it appears as all do that were covered by then.
    assert found % FIVE == 0
    assert found == (min(-(-now // FIVE) * FIVE, by_time) if others >= 3 else by_time)
    assert (by_time <= now) == (received <= unseen_from(now, POLICY.veil))
    # Whoever presses within the same five minutes appears at the same moment.
    assert seen_from(received - received % FIVE + 1, 0, now, POLICY.veil) == seen_from(
        received - received % FIVE + FIVE, 0, now, POLICY.veil
    )


def test_only_the_city_sees_at_once() -> None:
    assert {role for role in ROLES if viewer_of(person(role), 5).at_once} == {"operator", "admin"}
    assert viewer_of(person("supervisor"), 5).until == 5
    assert viewer_of(person("admin"), 5).until == FOREVER


def test_everybody_else_sees_hours_and_no_number() -> None:
    city, township = Viewer(at_once=True, now=0), Viewer(at_once=False, now=0)
    case, step = opened(1, WINDOW, at("12:34"), at("12:35"), TERMS)
    rating = Rating(NODE, "q7Zk2wX0aB", 57, WINDOW, at("12:34"), 9, at("12:35"), at("12:40"), 2)
    pressed = (at("12:34"), at("13:59"))
    assert shown(case, pressed, city, CALENDAR) == case
    assert shown_rating(rating, city, CALENDAR) == rating
    assert shown_step(step, city, CALENDAR) == step

    seen = shown(case, pressed, township, CALENDAR)
    noon = at("12:00")
    assert seen[3:6] == (noon, noon, at("13:00"))
    assert (seen.state_at, seen.since) == (noon, noon)
    assert shown_step(step, township, CALENDAR).at == noon
    assert shown_rating(rating, township, CALENDAR) == Rating(NODE, "", 0, WINDOW, noon, 0, noon, noon, 0)
    # What people did is theirs to know.
    done, (by_hand,) = act(case, request("verify"), person(), at("12:50"), TERMS)
    assert shown(done, pressed, township, CALENDAR).state_at == at("12:50")
    assert shown_step(by_hand, township, CALENDAR) == by_hand


def rows_of(*rows: tuple[str, int], position: int = 1, first: int = 1) -> Entry:
    content = [Row(10 * index, window, level, 1) for index, (window, level) in enumerate(rows)]
    batch = Batch(1, NODE, "q7Zk2wX0aB", first, NOON, Quality.SYNCHRONISED, content)
    return Entry(position, "batch", NODE, batch.epoch, first, batch.last, SIGNERS[NODE].entry(encode(batch)))


def test_dissatisfied_ratings_are_sifted_out_with_how_many_came_later() -> None:
    one = rows_of(("01", 3), ("01", 1), ("02", 2), ("01", 2), position=7)
    two = rows_of(("01", 1), ("01", 1), position=8, first=5)
    found = sifted([Rows(one, range(4)), Rows(two, [1])])
    assert found.counts == {WINDOW: 4, f"{NODE}/02": 1}
    assert [tuple(rating) for rating in found.dissatisfied] == [
        (NODE, "q7Zk2wX0aB", 2, WINDOW, NOON + 10, 7, 2),
        (NODE, "q7Zk2wX0aB", 6, WINDOW, NOON + 10, 8, 0),
    ]
