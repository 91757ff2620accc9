"""Sessions and cells as they are measured, with the time left. Draws only between workers, never while one measures.

Implements `ace.measure.watching.Watcher`. On a terminal a bar moves; elsewhere a line a cell is printed, no more.
"""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from ace.cli.spending import Spending
from ace.domain.plan import CellPlan


class CellProgress:
    """The progress of one cell.  `tail_s`: seconds that later cells of the sweep are expected to take."""

    def __init__(self, console: Console, plan: CellPlan, title: str, tail_s: float | None) -> None:
        self.console, self.plan, self.title, self.tail_s = console, plan, title, tail_s
        self.sessions_started: float | None = None
        self.done = 0
        self.spending = Spending()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task: TaskID | None = None

    def __enter__(self) -> "CellProgress":
        """Start drawing."""
        self.bar.start()
        self.task = self.bar.add_task(self.title, total=self.plan.protocol.sessions, note="")
        if not self.console.is_terminal:
            left = "" if not self.tail_s else f"; the cells after it take about {duration(self.tail_s)}"
            self.console.print(f"{self.title} ...{left}", highlight=False)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Stop drawing."""
        self.bar.stop()

    def stage(self, text: str) -> None:
        """Show what happens before the sessions, or after them."""
        self.spending.begins(text)
        self._show(self.done, text)

    def session(self, done: int, planned: int, failed: int) -> None:
        """Show a finished session and the time left."""
        now, self.done = time.monotonic(), done
        if self.sessions_started is None:  # the first one tells how long the others will take
            self.sessions_started = now
            self._show(done, "timing")
            return
        each = (now - self.sessions_started) / (done - 1)
        left = each * (planned - done)
        note = f"{duration(left)} left" if self.tail_s is None else f"{duration(left + self.tail_s)} left in the sweep"
        self._show(done, note + (f", {failed} failed" if failed else ""))

    def _show(self, done: int, note: str) -> None:
        if self.task is not None:
            self.bar.update(self.task, completed=done, note=note)
            self.bar.refresh()


def duration(seconds: float) -> str:
    """Seconds for people: `40 s`, `12 min`."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
