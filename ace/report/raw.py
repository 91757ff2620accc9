"""What the plots show, for other programs: `gain.csv`, `sessions.csv` and `drift.csv`; and the same as rows of text.

Gains are natural logs baseline/candidate. Nothing is left out: a plot and its table are made of the same numbers.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from ace.domain.decision import CellDecision, Decision
from ace.domain.wording import percent

GAIN_COLUMNS = ("cell", "split", "hidden", "depth", "batch", "seq_len", "regime", "gain_log", "low_log", "high_log")
SESSION_COLUMNS = ("cell", "session", "gain_log", "null_gain_log")
DRIFT_COLUMNS = ("cell", "session", "started_at_s", "baseline_s", "drift_log")
SERIES_HEAD = ("cell", "gain of each session, %", "gain of the null arm, %", "baseline, ms")
SLICES_HEAD = ("cell", "part", "n", "difference, points", "at most")


def gain_csv(cells: Sequence[CellDecision]) -> str:
    """Gain against length, batch by batch, with the bands of the map."""
    ordered = sorted(cells, key=lambda c: (c.hidden, c.depth, c.batch, c.seq_len))
    splits = dict.fromkeys(cell.split for cell in cells)
    return _csv(
        GAIN_COLUMNS,
        (
            (c.cell, c.split, c.hidden, c.depth, c.batch, c.seq_len, c.regime.value, c.gain, c.low, c.high)
            for split in splits
            for c in ordered
            if c.split == split
        ),
    )


def sessions_csv(cells: Sequence[CellDecision]) -> str:
    """Every session of every cell: the statistic of the candidate and of the null arm."""
    return _csv(
        SESSION_COLUMNS,
        (
            (cell.cell, number, *gains)
            for cell in cells
            for number, gains in enumerate(zip_longest(cell.series.gains, cell.series.null_gains))
        ),
    )


def drift_csv(cells: Sequence[CellDecision]) -> str:
    """Session medians of the baseline over time."""
    return _csv(DRIFT_COLUMNS, (row for cell in cells for row in _drift(cell)))


def _drift(cell: CellDecision) -> Iterator[tuple[object, ...]]:
    seen = cell.series
    for number, row in enumerate(zip(seen.started_at, seen.baseline_s, seen.drift_log, strict=True)):
        yield (cell.cell, number, *row)


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV text; what was not measured is an empty field."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return stream.getvalue()


def series_rows(decision: Decision) -> list[tuple[str, ...]]:
    """One row a cell, under SERIES_HEAD."""
    return [
        (
            cell.cell,
            _numbers(cell.series.gains),
            _numbers(cell.series.null_gains),
            ", ".join(f"{1000 * seconds:.3g}" for seconds in cell.series.baseline_s) or "not measured here",
        )
        for cell in decision.cells
    ]


def _numbers(logs: Sequence[float]) -> str:
    return ", ".join(percent(log).removesuffix(" %") for log in logs) or "none"


def slice_rows(decision: Decision) -> list[tuple[str, ...]]:
    """One row a part of the documents of a cell, under SLICES_HEAD."""
    return [
        (cell.cell, part.name, str(part.n), f"{100 * part.difference:+.1f}", f"{100 * part.ucb:+.1f}")
        for cell in decision.cells
        for part in cell.slices
    ]
