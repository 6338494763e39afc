"""Staged updates by their rules alone: whatever nodes do, no stage begins before the one before has stood the test."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from cloud.configs.rules import Timing
from cloud.updates.rules import ACTS, Member, Sight, Update, excused, late, looked, staged, verdict

NOW = 1_795_370_400_000
MINUTE = 60_000
UPDATE = Update(1, NOW, "li", "city", Timing(500, None), 10 * MINUTE, 60 * MINUTE, "x", stage=1, stage_at=NOW)
NODES = st.lists(st.integers(0, 999).map(lambda n: f"371721121-a{n}"), unique=True, min_size=1, max_size=120)


@given(nodes=NODES, dead=st.sets(st.integers(0, 999).map(lambda n: f"371721121-a{n}")), seed=st.text(max_size=5))
def test_every_node_is_in_one_stage(nodes: list[str], dead: set[str], seed: str) -> None:
    members = staged(nodes, lambda node: node not in dead, seed)
    assert sorted(member.node for member in members) == sorted(nodes)
    sizes = [sum(member.stage == stage for member in members) for stage in (1, 2, 3)]
    assert sizes[0] == 1
    assert sizes[0] + sizes[1] == max(1, -(-len(nodes) // 10)) or len(nodes) <= 10
    numbers = sorted({member.stage for member in members})
    assert numbers == list(range(1, len(numbers) + 1))
    if set(nodes) - dead:
        assert members[0].node not in dead
    assert staged(reversed(nodes), lambda node: node not in dead, seed) == members


def test_a_place_of_any_size_has_stages() -> None:
    sizes = {}
    for count in (1, 2, 10, 11, 20, 5000):
        members = staged([f"n{n}" for n in range(count)], lambda _: True, "")
        sizes[count] = [sum(member.stage == stage for member in members) for stage in (1, 2, 3)]
    assert sizes == {
        1: [1, 0, 0],
        2: [1, 1, 0],
        10: [1, 9, 0],
        11: [1, 1, 9],
        20: [1, 1, 18],
        5000: [1, 499, 4500],
    }


def run(
    members: list[Member], sights: Sequence[dict[str, Sight]], update: Update = UPDATE
) -> tuple[Update, list[Member], Sequence[str]]:
    """Look once a minute with what is seen then; stages are given versions as they begin."""
    said = []
    for minute, seen in enumerate(sights, start=1):
        now = NOW + minute * MINUTE
        if update.state != "running":
            break
        members = looked(members, seen, now)
        found = verdict(update, members, now)
        said.append(found.what)
        if found.what == "next":
            update = update._replace(stage=update.stage + 1, stage_at=now)
            members = [member._replace(version=7) if member.stage == update.stage else member for member in members]
        elif found.what == "done":
            update = update._replace(state="done")
        elif found.what == "stop":
            update = update._replace(state="stopped")
    return update, members, said


NAMES = ("a", "b", "c")
SIGHTS = st.lists(
    st.dictionaries(st.sampled_from(NAMES), st.builds(Sight, st.sampled_from([0, 6, 7, 8]), st.booleans()), max_size=3),
    max_size=150,
)


@given(sights=SIGHTS)
def test_no_stage_begins_before_the_one_before_has_it_and_stayed_online(sights: list[dict[str, Sight]]) -> None:
    members = [Member("a", 1, 7), Member("b", 2), Member("c", 3)]
    update, after, said = run(members, sights)
    begun = 1
    for minute, what in enumerate(said, start=1):
        if what not in ("next", "done"):
            continue
        node = NAMES[begun - 1]
        # Whatever was heard of it in the last ten minutes was good, and something was heard before that.
        window = [sight[node] for sight in sights[minute - 11 : minute] if node in sight]
        assert minute > 10
        assert all(sight.online and sight.version >= 7 for sight in window)
        assert any(node in sight for sight in sights[: minute - 10])
        begun += 1
    assert update.stage <= 3
    for member in after:
        assert (member.version is None) == (member.stage > update.stage)


@given(sights=SIGHTS)
def test_an_update_never_waits_for_ever(sights: list[dict[str, Sight]]) -> None:
    silent = [*sights, *[{}] * 300]
    offline = [*silent, *[dict.fromkeys(NAMES, Sight(0, online=False))] * 300]
    update, after, _ = run([Member("a", 1, 7), Member("b", 2), Member("c", 3)], offline)
    assert update.state in ("done", "stopped")
    assert (update.state == "stopped") == bool(late(update, after))


def test_all_that_do_take_it_are_through_in_thirty_minutes_and_a_look_each() -> None:
    well = [dict.fromkeys(NAMES, Sight(7, online=True))] * 60
    update, _, said = run([Member("a", 1, 7), Member("b", 2), Member("c", 3)], well)
    assert update.state == "done"
    assert [minute for minute, what in enumerate(said, start=1) if what != "wait"] == [11, 22, 33]


def test_who_goes_offline_begins_its_patience_anew_and_stops_the_update_when_the_limit_is_over() -> None:
    good, bad = {"a": Sight(7, online=True)}, {"a": Sight(7, online=False)}
    update, _, said = run([Member("a", 1, 7)], [*[good] * 5, bad, *[good] * 20])
    assert (update.state, len(said)) == ("done", 17)
    update, after, said = run([Member("a", 1, 7)], [good, *[bad] * 90])
    assert (update.state, len(said), late(update, after)) == ("stopped", 60, ["a"])


def test_who_is_late_is_left_behind_only_when_the_limit_is_over() -> None:
    members = [Member("a", 1, 7, taken_at=NOW), Member("b", 1, 7), Member("c", 2)]
    assert excused(UPDATE, members, NOW + 59 * MINUTE) == members
    after = excused(UPDATE, members, NOW + 60 * MINUTE)
    assert [member.excused for member in after] == [False, True, False]
    assert verdict(UPDATE, after, NOW + 60 * MINUTE).what == "next"
    assert late(UPDATE, after) == []


def test_an_update_that_was_rolled_back_is_over() -> None:
    assert {state for state, acts in ACTS.items() if not acts} == {"rolled_back"}
    assert all("roll_back" in ACTS[state] for state in ("running", "stopped", "done"))
