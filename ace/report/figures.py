"""The map as a picture: seq_len x batch, the gain written in each cell.

Drawn with the object interface, so no global state and no display is touched. Colours run from orange (slower) over
white to purple (faster), which every common form of colour blindness keeps apart; what is uncertain is hatched, what
the envelope admits is outlined, what was not measured stays blank.
"""

import io
import math
from collections.abc import Collection, Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ace.domain.decision import ESTIMAND, CellDecision, Decision
from ace.domain.plan import Shape
from ace.domain.verdict import Regime
from ace.domain.wording import percent
from ace.report.curves import curves
from ace.report.heat import CROWDED
from ace.report.large import sampled
from ace.report.plots import drift_plots, gain_plots, panels, session_plots

COLOURS = "PuOr"
LEAST_RANGE = math.log1p(0.1)  # a null map must not look dramatic
HEADROOM = 1.5  # keeps the largest gain off the darkest colour, so that what is written in it can be read
DARK = 0.5  # luminance: white text below it
OUTLINE, PLAIN = 2.5, 0.5
LARGEST_INCHES = 24.0
WORDED = 150  # cells in a panel: beyond it the regime is told by hatch and outline alone

GAIN = f"Against seq_len: gain ({ESTIMAND}, baseline over candidate) with the bands of the map. Hollow: unresolved."
SESSIONS = "By seq_len x batch, one mark a session. Filled: candidate. Hollow: null arm, the baseline prepared twice."
DRIFT = "Against time (UTC), one mark a session. Purple: development. Orange: validation. Black: holdout."


def pictures(decision: Decision) -> dict[str, bytes]:
    """Name -> PNG bytes of every picture in a bundle."""
    listed = sampled(decision)
    return {
        "regime.png": heat_map(decision.cells, frozenset(entry.shape for entry in decision.envelope.admitted)),
        "gain.png": curves(gain_plots(decision), GAIN),
        "sessions.png": curves(session_plots(listed), SESSIONS, columns=1),
        "drift.png": curves(drift_plots(listed), DRIFT),
    }


def heat_map(cells: Sequence[CellDecision], admitted: Collection[Shape] = ()) -> bytes:
    """PNG bytes, the same for the same cells; `admitted`: the shapes that the envelope serves."""
    drawn = panels(cells)
    columns = max((len({c.batch for c in panel}) for panel in drawn.values()), default=1)
    rows = max((len({c.seq_len for c in panel}) for panel in drawn.values()), default=1)
    width = min(LARGEST_INCHES, (1.15 * columns + 1.2) * max(1, len(drawn)))
    figure = Figure(figsize=(max(width, 4.5), min(LARGEST_INCHES, 0.7 * rows + 1.6)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    reach = HEADROOM * max([LEAST_RANGE, *(abs(c.gain) for c in cells if c.gain is not None)])
    axes = figure.subplots(1, max(1, len(drawn)), squeeze=False)[0]
    for axis, (title, panel) in zip(axes, drawn.items(), strict=False):
        _draw(axis, title, panel, Normalize(-reach, reach), admitted)
    if not drawn:
        axes[0].set_axis_off()
        axes[0].text(0.5, 0.5, "no cell was measured", ha="center", va="center")
    legend = f"gain: {ESTIMAND},\nbaseline over candidate. Hatched: unresolved. Outlined: admitted."
    figure.supxlabel(legend, fontsize=8)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _draw(
    axis: Axes, title: str, cells: Sequence[CellDecision], scale: Normalize, admitted: Collection[Shape]
) -> None:
    batches, lengths = sorted({c.batch for c in cells}), sorted({c.seq_len for c in cells})
    axis.set_title(title, fontsize=10)
    axis.set_xlim(0, len(batches))
    axis.set_ylim(0, len(lengths))
    axis.set_xticks([i + 0.5 for i in range(len(batches))], [str(b) for b in batches])
    axis.set_yticks([i + 0.5 for i in range(len(lengths))], [str(s) for s in lengths])
    axis.set_xlabel("batch")
    axis.set_ylabel("seq_len")
    if len(cells) > CROWDED:
        _draw_crowd(axis, cells, batches, lengths, scale, admitted)
        return
    worded = len(cells) <= WORDED
    for cell in cells:
        place = batches.index(cell.batch), lengths.index(cell.seq_len)
        axis.add_patch(_box(place, cell, scale, cell.shape in admitted))
        _write(axis, place, cell, scale, worded)


def _draw_crowd(
    axis: Axes,
    cells: Sequence[CellDecision],
    batches: Sequence[int],
    lengths: Sequence[int],
    scale: Normalize,
    admitted: Collection[Shape],
) -> None:
    """Boxes without words, all at once: a patch and a text for each of thousands would take minutes."""
    x, y = ({level: i for i, level in enumerate(levels)} for levels in (batches, lengths))

    def boxes(own: Sequence[CellDecision], **looks: Any) -> None:
        corners = ((0, 0), (1, 0), (1, 1), (0, 1))
        places = [[(x[cell.batch] + dx, y[cell.seq_len] + dy) for dx, dy in corners] for cell in own]
        axis.add_collection(PolyCollection(places, in_layout=False, **looks), autolim=False)

    colours = colormaps[COLOURS](scale([cell.gain or 0.0 for cell in cells]))
    boxes(cells, facecolors=colours, edgecolors="#777777", linewidths=PLAIN)
    open_cells = [cell for cell in cells if cell.regime is Regime.UNRESOLVED]
    boxes(open_cells, facecolors="none", edgecolors="#16161a", linewidths=PLAIN, hatch="///")
    boxes([cell for cell in cells if cell.shape in admitted], facecolors="none", edgecolors="#000000", linewidths=1.0)


def _box(place: tuple[int, int], cell: CellDecision, scale: Normalize, admitted: bool) -> Rectangle:
    x, y = place
    inset = 0.03  # so that outlines of neighbours do not cover each other
    return Rectangle(
        (x + inset, y + inset),
        1 - 2 * inset,
        1 - 2 * inset,
        facecolor=colormaps[COLOURS](float(scale(cell.gain or 0.0))),
        hatch="///" if cell.regime is Regime.UNRESOLVED else None,
        edgecolor="#000000" if admitted else "#777777",
        linewidth=OUTLINE if admitted else PLAIN,
        in_layout=False,  # the axes already say how much room the cells take
    )


def _write(axis: Axes, place: tuple[int, int], cell: CellDecision, scale: Normalize, worded: bool) -> None:
    red, green, blue, _ = colormaps[COLOURS](float(scale(cell.gain or 0.0)))
    ink = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < DARK else "black"
    shown = "no gain" if cell.gain is None else percent(cell.gain)
    text = f"{shown}\n{cell.regime}" if worded else shown
    where = place[0] + 0.5, place[1] + 0.5
    axis.text(*where, text, ha="center", va="center", fontsize=8, color=ink, in_layout=False)
