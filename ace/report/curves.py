"""The other plots as pictures for slides and papers: gain against length, every session, the baseline over time.

Drawn from the same places as those of `report.html` (`ace.report.plots`), so that both show the same.
"""

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from ace.report.plots import Mark, Plot

PIXELS = 110
DPI = 100
COLUMNS = 3
COOL, WARM, INK = "#5b4a9c", "#b35806", "#1b1b1f"
COLOURS = {"null": WARM, "validation": WARM, "holdout": INK}
HOLLOW = ("null", "unresolved")
LARGEST_INCHES = 40.0
MARGIN = 46


def curves(plots: Sequence[Plot], caption: str, columns: int = COLUMNS) -> bytes:
    """PNG bytes with all panels, the same for the same plots; without any, a picture that says so."""
    rows = max(1, -(-len(plots) // columns))
    columns = min(columns, max(1, len(plots)))
    width = max((plot.width for plot in plots), default=300) * columns
    height = sum(max((p.height for p in plots[r * columns :][:columns]), default=60) + 2 * MARGIN for r in range(rows))
    figure = Figure(figsize=(min(LARGEST_INCHES, width / PIXELS), min(LARGEST_INCHES, height / PIXELS)), dpi=DPI)
    FigureCanvasAgg(figure)
    for number in range(max(1, len(plots))):
        row, column = divmod(number, columns)
        place = (column / columns, 1 - (row + 0.85) / rows, 1 / columns, 0.68 / rows)
        axis = figure.add_axes(place)
        axis.set_axis_off()
        if plots:
            _draw(axis, plots[number])
        else:
            axis.text(0.5, 0.5, "nothing was measured", ha="center", va="center")
    figure.text(0.01, 0.01, caption, fontsize=7)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _draw(axis: Axes, plot: Plot) -> None:
    """One panel in the pixels of the page, y downwards."""
    axis.set_xlim(0, plot.width)
    axis.set_ylim(plot.height + 4, 0)
    axis.set_title(plot.title, fontsize=8)
    for y, text in plot.ticks:
        axis.plot((60, plot.width), (y, y), color="#d5d5dd", linewidth=0.6)
        axis.text(56, y, text, ha="right", va="center", fontsize=7)
    for y, text in plot.rules:
        axis.plot((60, plot.width), (y, y), color="#5b5b66", linewidth=0.8, linestyle="--")
        axis.text(plot.width, y - 2, text, ha="right", va="bottom", fontsize=6)
    crowded = len(plot.columns) > 1 and plot.columns[1][0] - plot.columns[0][0] < MARGIN
    for x, text in plot.columns:
        angle = 90 if crowded else 0
        axis.text(x, plot.height + 6, text, ha="center", va="top", fontsize=7, rotation=angle)
    for points in plot.bands:
        axis.add_patch(Polygon(_places(points), facecolor=COOL, alpha=0.2, edgecolor="none"))
    axis.add_collection(LineCollection([_places(points) for points in plot.lines], colors=COOL, linewidths=1.2))
    bars = [((m.x, m.low_y), (m.x, m.high_y)) for m in plot.marks if m.high_y]
    axis.add_collection(LineCollection(bars, colors=COOL, linewidths=0.8))
    _scatter(axis, [dot for mark in plot.marks for dot in (mark.dots or ((mark,) if mark.kind else ()))])


def _scatter(axis: Axes, marks: Sequence[Mark]) -> None:
    for kind in dict.fromkeys(mark.kind for mark in marks):
        own = [mark for mark in marks if mark.kind == kind]
        edge = COLOURS.get(kind, COOL)
        face = "white" if kind in HOLLOW else edge
        places = [m.x for m in own], [m.y for m in own]
        axis.scatter(*places, s=9, facecolors=face, edgecolors=edge, linewidths=0.8, zorder=3)


def _places(points: str) -> list[tuple[float, float]]:
    pairs = (point.split(",") for point in points.split())
    return [(float(x), float(y)) for x, y in pairs]
