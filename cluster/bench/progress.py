"""The progress bar. It is drawn when something is told and at no other time: a thread that draws would take time from the load."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn


class Bar:
    """One bar."""

    def __init__(self, shown: Progress, task: TaskID) -> None:
        self._shown = shown
        self._task = task

    def step(self, what: str) -> None:
        """One step further; `what` comes next."""
        self._shown.update(self._task, description=what, advance=1, refresh=True)

    def at(self, done: int) -> None:
        """So much is done."""
        self._shown.update(self._task, description=f"{done:,}", completed=done, refresh=True)


@contextlib.contextmanager
def progress(console: Console, total: int) -> Iterator[Bar]:
    """A bar that goes away when the work is done."""
    columns = (TextColumn("{task.description:40}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as shown:
        yield Bar(shown, shown.add_task("starting", total=total))
