"""The heat maps of `report.html` as places on paper: regimes, and energy where there is some.

Beside `plots`. A box says its numbers in words as long as there is room for them, and to whoever points at it always.
"""

from collections.abc import Callable, Sequence

from ace.domain.answers import EnergyAnswer
from ace.domain.decision import CellDecision, Decision
from ace.domain.verdict import Regime
from ace.domain.wording import percent, percent_within
from ace.report.plots import BOX, LEFT, TOP, Mark, Plot, cell_text, panels
from ace.report.scales import colour, reach_of

SMALL_BOX = (26, 14)
CROWDED = 400  # cells in a panel: beyond it a box has no room for words


def heat_plots(decision: Decision) -> list[Plot]:
    """The regime map, longest inputs at the top."""
    reach = reach_of(cell.gain for cell in decision.cells)
    admitted = {entry.shape for entry in decision.envelope.admitted}
    made = []
    for title, cells in panels(decision.cells).items():
        place = _place_of(cells)
        marks = tuple(
            Mark(
                *place(cell),
                cell_text(cell) + ("; admitted" if cell.shape in admitted else ""),
                _kinds(cell, cell.shape in admitted),
                colour(cell.gain, reach),
                ("no gain" if cell.gain is None else percent(cell.gain), cell.regime.value),
            )
            for cell in cells
        )
        made.append(_heat(title, cells, marks))
    return made


def _box(cells: Sequence[CellDecision]) -> tuple[int, int]:
    return SMALL_BOX if len(cells) > CROWDED else BOX


def _levels(cells: Sequence[CellDecision]) -> tuple[list[int], list[int]]:
    """Batches from left to right, lengths from top to bottom."""
    return sorted({cell.batch for cell in cells}), sorted({cell.seq_len for cell in cells}, reverse=True)


def _place_of(cells: Sequence[CellDecision]) -> Callable[[CellDecision], tuple[float, float]]:
    """Where the box of a cell begins."""
    (batches, lengths), (width, height) = _levels(cells), _box(cells)
    x = {batch: LEFT + width * i for i, batch in enumerate(batches)}
    y = {length: TOP + height * i for i, length in enumerate(lengths)}
    return lambda cell: (x[cell.batch], y[cell.seq_len])


def _heat(title: str, cells: Sequence[CellDecision], marks: tuple[Mark, ...]) -> Plot:
    (batches, lengths), (width, height) = _levels(cells), _box(cells)
    columns = tuple((LEFT + width * (i + 0.5), str(batch)) for i, batch in enumerate(batches))
    ticks = tuple((TOP + height * (i + 0.5), str(length)) for i, length in enumerate(lengths))
    wide, high = LEFT + width * len(batches) + 8, TOP + height * len(lengths)
    return Plot(title, wide, high, columns, ticks, marks, (width, height))


def power_plots(decision: Decision) -> list[Plot]:
    """The same map of joules per item, where there are some; a simulated one says so in its title and in every cell."""
    made = []
    known = [cell for cell in decision.cells if cell.energy is not None and cell.energy.gain is not None]
    reach = reach_of(cell.energy.gain for cell in known if cell.energy is not None)
    for title, cells in panels(known).items():
        place = _place_of(cells)
        simulated = any(cell.energy is not None and cell.energy.simulated for cell in cells)
        marks = tuple(
            Mark(
                *place(cell),
                f"{cell.cell}: joules per item {percent_within(found.gain, found.low, found.high)}; {_source(found)}",
                "hatched" if found.unclaimable is not None else "",
                colour(found.gain, reach),
                (percent(found.gain), "SIMULATED" if found.simulated else str(found.grade)),
            )
            for cell in cells
            if (found := cell.energy) is not None and found.gain is not None
        )
        name = f"energy{', SIMULATED' if simulated else ''}: {title}"
        made.append(_heat(name, cells, marks))
    return made


def _source(found: EnergyAnswer) -> str:
    return f"{found.source}, {found.grade}{', SIMULATED' if found.simulated else ''}"


def _kinds(cell: CellDecision, admitted: bool) -> str:
    return " ".join(
        name
        for name, holds in (
            ("admitted", admitted),
            ("hatched", cell.regime is Regime.UNRESOLVED),
            ("positive", cell.regime is Regime.POSITIVE),
        )
        if holds
    )
