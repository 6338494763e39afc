"""A request that is turned away at the door."""

from starlette.responses import Response


class Turned(Exception):  # noqa: N818  (it says what happened; the answer is no error of the city's)
    """`answer` is what is said instead."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer
