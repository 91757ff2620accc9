"""The plots of `report.html` as places on paper: the template draws them as SVG, so that every mark can be asked.

Texts are plain here and escaped by the template. What a mark says is what the tables say.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ace.domain.decision import CellDecision, Decision
from ace.domain.wording import percent
from ace.report import large
from ace.report.scales import Scale, percent_scale
from ace.report.wording import gain_text, quality_text

LEFT, TOP, HEIGHT = 64, 14, 200
BOX = (92, 46)
STEP, STRIP_STEP = 74, 46
SPREAD = 14  # of one arm's sessions, first to last, so that each is seen
DRIFT_WIDTH = 900


@dataclass(frozen=True, slots=True)
class Mark:
    """A point, or a cell of the heat map, with what it says. `kind` and `fill` say how it is drawn."""

    x: float
    y: float
    title: str
    kind: str = ""
    fill: str = ""
    lines: tuple[str, ...] = ()
    low_y: float = 0.0
    high_y: float = 0.0
    dots: "tuple[Mark, ...]" = ()


@dataclass(frozen=True, slots=True)
class Plot:
    """A panel. `columns`: pixel and label along x; `ticks`: along y; `lines`, `bands`: SVG point lists; `rules`:
    heights of lines that mean something, with their names; `box`: width and height of a cell of a heat map."""

    title: str
    width: float
    height: float
    columns: tuple[tuple[float, str], ...]
    ticks: tuple[tuple[float, str], ...]
    marks: tuple[Mark, ...]
    box: tuple[int, int] = BOX
    lines: tuple[str, ...] = ()
    bands: tuple[str, ...] = ()
    rules: tuple[tuple[float, str], ...] = ()


def panels(cells: Sequence[CellDecision]) -> dict[str, list[CellDecision]]:
    """The cells of each split and size of model, in their order."""
    sizes = {(cell.hidden, cell.depth) for cell in cells}
    found: dict[str, list[CellDecision]] = {}
    for cell in cells:
        size = f", hidden {cell.hidden}, depth {cell.depth}" if len(sizes) > 1 else ""
        found.setdefault(cell.split + size, []).append(cell)
    return found


def cell_text(cell: CellDecision) -> str:
    """All that a cell says when it is pointed at, in parts that `; ` divides."""
    times = [f"{1000 * s:.2f} ms" if s is not None else "not measured" for s in (cell.baseline_s, cell.candidate_s)]
    return (
        f"{cell.cell}: {cell.regime}; gain {gain_text(cell)}; quality {quality_text(cell)}; {cell.sessions} sessions; "
        f"baseline {times[0]}, candidate {times[1]}"
    )


def gain_plots(decision: Decision) -> list[Plot]:
    """Gain against seq_len with the bands of the map, one panel a batch; all panels have one scale. Of a large map some
    batches, the first and the last among them."""
    cells = [cell for cell in decision.cells if cell.gain is not None]
    logs = [log for cell in cells for log in (cell.gain, cell.low, cell.high) if log is not None]
    scale = percent_scale([decision.landscape.floor_log, *logs], TOP, TOP + HEIGHT)
    rules = ((scale.at(decision.landscape.floor_log), "worth having"), (scale.at(0.0), ""))
    made = []
    drawn = panels(decision.cells)
    curves = [(title, batch) for title, whole in drawn.items() for batch in sorted({cell.batch for cell in whole})]
    for title, batch in large.spread(curves, large.PANELS) if large.is_large(decision) else curves:
        whole = drawn[title]
        levels = sorted({cell.seq_len for cell in whole})
        places = {level: LEFT + STEP * (i + 0.5) for i, level in enumerate(levels)}
        columns = tuple((place, str(level)) for level, place in places.items())
        own = sorted((c for c in whole if c.batch == batch and c.gain is not None), key=lambda c: c.seq_len)
        marks = tuple(_point(cell, places[cell.seq_len], scale) for cell in own)
        lines, bands = _joined(marks, STEP)
        width, name = LEFT + STEP * len(levels) + 8, f"{title}, batch {batch}"
        panel = Plot(name, width, TOP + HEIGHT, columns, scale.ticks, marks, lines=lines, bands=bands, rules=rules)
        made.append(panel)
    return made


def _point(cell: CellDecision, x: float, scale: Scale) -> Mark:
    gain = cell.gain or 0.0
    low, high = (gain if log is None else log for log in (cell.low, cell.high))
    return Mark(x, scale.at(gain), cell_text(cell), cell.regime.value, low_y=scale.at(low), high_y=scale.at(high))


def _joined(marks: Sequence[Mark], step: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Lines and bands through neighbours; a level without a cell breaks them."""
    runs = [
        [mark for _, mark in run]
        for _, run in groupby(enumerate(marks), key=lambda pair: round(pair[1].x / step - pair[0], 3))
    ]
    runs = [run for run in runs if len(run) > 1]
    lines = tuple(_points((m.x, m.y) for m in run) for run in runs)
    bands = tuple(_points([*((m.x, m.high_y) for m in run), *((m.x, m.low_y) for m in run[::-1])]) for run in runs)
    return lines, bands


def _points(places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in places)


def session_plots(decision: Decision) -> list[Plot]:
    """Every session of every cell, candidate beside null."""
    logs = [log for cell in decision.cells for log in (*cell.series.gains, *cell.series.null_gains)]
    scale = percent_scale([decision.landscape.floor_log, *logs], TOP, TOP + HEIGHT)
    rules = ((scale.at(decision.landscape.floor_log), "worth having"), (scale.at(0.0), ""))
    made = []
    for title, cells in panels(decision.cells).items():
        places = [LEFT + STRIP_STEP * (i + 0.5) for i in range(len(cells))]
        marks = tuple(_strip(cell, x, scale) for cell, x in zip(cells, places, strict=True))
        columns = tuple((x, f"{cell.seq_len}x{cell.batch}") for cell, x in zip(cells, places, strict=True))
        width = LEFT + STRIP_STEP * len(cells) + 8
        made.append(Plot(title, width, TOP + HEIGHT, columns, scale.ticks, marks, rules=rules))
    return made


def _strip(cell: CellDecision, x: float, scale: Scale) -> Mark:
    seen = cell.series
    dots = [
        Mark(
            round(x + shift + SPREAD * number / len(logs), 1),
            scale.at(log),
            f"{kind}, session {number}: {percent(log)}",
            kind,
        )
        for kind, shift, logs in (("candidate", -18, seen.gains), ("null", 4, seen.null_gains))
        for number, log in enumerate(logs)
    ]
    told = f"{cell.cell}: candidate {gain_text(cell)}; {len(seen.gains)} sessions; null {len(seen.null_gains)} sessions"
    return Mark(x - STRIP_STEP / 2, TOP, told, dots=tuple(dots))


def drift_plots(decision: Decision) -> list[Plot]:
    """The baseline over time: each session's median over the median of its cell. None where no start is known."""
    known = [cell for cell in decision.cells if cell.series.started_at]
    starts = [start for cell in known for start in cell.series.started_at]
    if not starts:
        return []
    first, last = min(starts), max(starts)
    span_s = max(last - first, 1.0)
    scale = percent_scale([log for cell in known for log in cell.series.drift_log], TOP, TOP + HEIGHT)
    marks = tuple(mark for cell in known for mark in _drift(cell, scale, first, span_s))
    columns = tuple((LEFT + DRIFT_WIDTH * k / 4, _clock(first + span_s * k / 4)) for k in range(5))
    title = "baseline, each session's median over that of its cell"
    rules = ((scale.at(0.0), ""),)
    return [Plot(title, LEFT + DRIFT_WIDTH + 40, TOP + HEIGHT, columns, scale.ticks, marks, rules=rules)]


def _drift(cell: CellDecision, scale: Scale, first: float, span_s: float) -> Iterator[Mark]:
    for start, seconds, log in zip(cell.series.started_at, cell.series.baseline_s, cell.series.drift_log, strict=True):
        x = round(LEFT + DRIFT_WIDTH * (start - first) / span_s, 1)
        told = f"{cell.cell}, {_clock(start)}: {1000 * seconds:.2f} ms, {percent(log)}"
        yield Mark(x, scale.at(log), told, cell.split)


def _clock(seconds: float) -> str:
    return time.strftime("%m-%d %H:%M", time.gmtime(seconds))
