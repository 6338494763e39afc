"""How far a long command is, on stderr: rows, rows a second, and what remains."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import TimeRemainingColumn as Remaining
from rich.text import Text

from cloud.copy.copier import Tell

_STEPS = {"upgrade": "copying, to upgrade that", "copy": "copying", "verify": "verifying", "recount": "recounting"}
_STEPS |= {"feed": "feeding", "compare": "comparing townships", "sums": "sums by day"}
_STEPS |= {"see": "reading the ledger", "judge": "judging nodes", "draw": "drawing quarters"}


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "")


@contextmanager
def telling() -> Iterator[Tell]:
    """Draw a line for each step that is told of."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Speed(), Remaining())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        lines: dict[str, TaskID] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in lines:
                lines[step] = progress.add_task(_STEPS[step], total=total)
            progress.update(lines[step], completed=done, total=total)

        yield tell
