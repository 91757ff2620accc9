"""The map as a table for other programs: `regime.csv`, one row a cell and split, gains as logs and in percent."""

import csv
import io
from collections.abc import Sequence

from ace.domain.decision import CellDecision
from ace.domain.wording import as_percent

COLUMNS = (
    "split",
    "seq_len",
    "batch",
    "hidden",
    "depth",
    "regime",
    "answer",
    "sessions",
    "gain_log",
    "low_log",
    "high_log",
    "gain_percent",
    "low_percent",
    "high_percent",
    "lcb_log",
    "ucb_log",
    "null_gain_log",
    "baseline_s",
    "candidate_s",
    "baseline_roofline",
    "candidate_roofline",
    "quality_metric",
    "quality_difference",
    "quality_low",
    "quality_high",
    "quality_lcb",
    "quality_outcome",
)


def regime_csv(cells: Sequence[CellDecision]) -> str:
    """CSV text; what was not measured is an empty field."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for cell in cells:
        writer.writerow(_row(cell))
    return stream.getvalue()


def regime_columns(cells: Sequence[CellDecision]) -> dict[str, list[object]]:
    """The same by column, for stores that show tables; what was not measured is None."""
    rows = [_row(cell) for cell in cells]
    return {name: [row.get(name) for row in rows] for name in COLUMNS}


def _row(cell: CellDecision) -> dict[str, object]:
    row: dict[str, object] = {
        "split": cell.split,
        "seq_len": cell.seq_len,
        "batch": cell.batch,
        "hidden": cell.hidden,
        "depth": cell.depth,
        "regime": cell.regime.value,
        "answer": cell.answer.value,
        "sessions": cell.sessions,
        "gain_log": cell.gain,
        "low_log": cell.low,
        "high_log": cell.high,
        "gain_percent": _percent(cell.gain),
        "low_percent": _percent(cell.low),
        "high_percent": _percent(cell.high),
        "lcb_log": cell.lcb,
        "ucb_log": cell.ucb,
        "null_gain_log": cell.null.gain,
        "baseline_s": cell.baseline_s,
        "candidate_s": cell.candidate_s,
        "baseline_roofline": cell.baseline_roofline,
        "candidate_roofline": cell.candidate_roofline,
    }
    if found := cell.quality:
        row |= {
            "quality_metric": found.metric,
            "quality_difference": found.difference,
            "quality_low": found.low,
            "quality_high": found.high,
            "quality_lcb": found.lcb,
            "quality_outcome": found.outcome.value,
        }
    return row


def _percent(log: float | None) -> float | None:
    return None if log is None else as_percent(log)
