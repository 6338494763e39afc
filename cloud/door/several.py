"""What names several things at once: each of them is judged as if it had been asked for alone."""

from cloud.door.door import Find
from cloud.door.rules import TABLE, Route, Verdict, judge
from cloud.people.rules import Person


async def verdict_on(route: Route, find: Find, name: str, person: Person) -> Verdict:
    """What the door says to `person` who asks `route` for the thing `name`, whose place `find` knows."""
    return judge(TABLE[route], person, await find(name, person))
