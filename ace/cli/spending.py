"""Where the wall time of a cell went, by the steps that its watcher is told of.

`ace.cli.progress` notes the steps while the cell is measured; `ace.cli.launch` prints them under the cell's answer, and
their sum under the last cell of a sweep.
"""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping

from ace.domain.record import CellRecord

BRIEF_S = 1.0  # steps that take less stand together as the rest


class Spending:
    """Seconds by step.  `clock`: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._step, self._since = "start", clock()

    def begins(self, text: str) -> None:
        """The step before ends here. What a text counts or names after a comma is not part of the step's name."""
        now = self.clock()
        self.seconds[self._step] += now - self._since
        self._step, self._since = re.split(r"[,\d]", text)[0].strip(), now

    def within_sessions(self, record: CellRecord, since: float) -> None:
        """Divide the step `sessions`, and end the last step: what a session says of itself is told apart.

        `since`: seconds since the epoch; sessions of an interrupted attempt before it cost nothing now.
        """
        self.begins("rest")
        parts = {
            "starting processes": sum(s.ready_s for s in record.sessions if s.started_at >= since),
            "timed calls": sum(s.timed_s for s in record.sessions if s.started_at >= since),
        }
        whole = self.seconds.pop("sessions", 0.0)
        self.seconds |= parts
        self.seconds["warm-ups and probes"] = max(0.0, whole - sum(parts.values()))


def told(*cells: Mapping[str, float]) -> str:
    """`took 87 s: timed calls 25, embedding 12, ...` of one cell or several together, the longest step first."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for cell in cells:
        for step, taken in cell.items():
            seconds[step] += taken
    long = sorted(((s, step) for step, s in seconds.items() if s >= BRIEF_S and step != "rest"), reverse=True)
    rest = sum(seconds.values()) - sum(s for s, _ in long)
    steps = [f"{step} {s:.0f}" for s, step in long] + ([f"the rest {rest:.0f}"] if rest >= BRIEF_S / 2 else [])
    return f"took {sum(seconds.values()):.0f} s: {', '.join(steps)}" if steps else "took less than a second"
