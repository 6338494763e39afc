"""Stories that the model was wrong about, or the product, told once more and always."""

from tests.model.platter import Room
from tests.model.stage import in_the_model
from tests.model.world import World


def test_what_the_city_refused_is_not_given_up_where_the_node_has_another_disk() -> None:
    with in_the_model():
        world = World()
        world.run(7)
        world.back_up("a2")
        world.network.down("371721121-g0-live")
        world.press("a2", "01", 2)
        world.run(2)
        world.city.register(())
        world.put_back("a2", world.images["a2"][1])
        world.start("a2")
        world.network.up("371721121-g0-live")
        for _ in range(4):
            world.run(61)

        world.settle()

        assert len(world.ledger()) == 1
        world.close()


def test_what_a_full_disk_gave_up_may_go_a_little_later() -> None:
    """Free again since it was looked at: the statement was under way on a slow disk."""
    with in_the_model():
        world = World()
        world.press("a1", "01", 3)
        world.run(70)
        journal = world.gateway.platter
        judge = journal.before

        def freed(statement: str, values: object) -> None:
            if statement.startswith("DELETE FROM batch"):
                journal.room = Room.FREE
            judge(statement, values)

        journal.before = freed
        journal.room = Room.RESERVE
        world.run(30)
        assert world.rows("g0") == []
        world.close()
