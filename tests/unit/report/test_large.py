"""A map of many cells: what is listed is a sample, what is counted and drawn as a map is all, and the page says so."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from ace.domain.verdict import Regime
from ace.report import heat, large, plots, trace
from ace.report.figures import pictures
from ace.report.memo import memo
from ace.report.page import page
from ace.report.raw import gain_csv, sessions_csv
from ace.report.tables import regime_csv
from ace.report.terminal import summary_lines
from tests.unit.decide.grids import cell, judged
from tests.unit.report.test_page import Tree

SIDE = 30
CELLS = SIDE * SIDE
UNRESOLVED = 7


@pytest.fixture(scope="module")
def many():
    """One cell that was judged, told 900 times over; every number of it stays."""
    made = judged(cell(0.1, 64))
    [one] = made.cells
    cells = tuple(
        replace(
            one,
            cell=f"development {length}x{batch}",
            seq_len=length,
            batch=batch,
            regime=Regime.UNRESOLVED if batch == length % UNRESOLVED else one.regime,
        )
        for length in range(16, 16 + 4 * SIDE, 4)
        for batch in range(1, SIDE + 1)
    )
    gates = tuple(replace(gate, cell=shown.cell) for gate in made.gates for shown in cells)
    attempts = (*made.attempts * CELLS, replace(made.attempts[0], run_id="the one that failed", used=False))
    return replace(made, cells=cells, gates=gates, attempts=attempts)


@pytest.mark.parametrize(("count", "most"), [(1, 5), (5, 5), (6, 5), (1000, 7), (1000, 200)])
def test_a_sample_is_even_has_both_ends_and_nothing_twice(count, most):
    found = large.spread(range(count), most)
    assert len(found) == len(set(found)) == min(count, most)
    assert (found[0], found[-1]) == (0, count - 1)
    steps = {after - before for before, after in pairwise(found)}
    assert not steps or max(steps) - min(steps) <= 1


def test_a_map_that_is_not_large_is_listed_whole():
    small = judged(cell(0.1, 64))
    assert large.sampled(small) is small
    assert large.note(small) is None
    findings = small.gates * large.LISTED
    assert large.of_each(findings, small) == list(findings)
    assert all(large.answers(row, small) == row.findings for row in trace.rows(findings))
    assert large.lines(["a line"] * (large.LISTED + 1), small) == ["a line"] * (large.LISTED + 1)


def test_the_page_says_what_it_leaves_out_and_where_that_is(many):
    text = page(many, {})
    assert Tree(text).wrong == []
    assert f"show {large.LISTED} of {CELLS} cells" in text
    assert "the one that failed" in text, "what is not on the map is listed first"
    assert f"and {CELLS - large.LISTED} more in decision.json" in text
    assert len(text) < 3_000_000


def test_every_cell_of_a_large_map_is_in_the_heat_map_with_its_numbers(many):
    text = page(many, {})
    [plot] = heat.heat_plots(many)
    assert len(plot.marks) == CELLS
    assert sum("hatched" in mark.kind for mark in plot.marks) == sum(c.regime is Regime.UNRESOLVED for c in many.cells)
    for shown in many.cells:
        assert f"<title>{plots.cell_text(shown)}</title>" in text


def test_boxes_of_a_large_map_do_not_overlap(many):
    [plot] = heat.heat_plots(many)
    assert len({(mark.x, mark.y) for mark in plot.marks}) == CELLS
    width, height = plot.box
    assert plot.width >= SIDE * width
    assert plot.height >= SIDE * height


def test_tables_for_other_programs_stay_whole(many):
    assert len(regime_csv(many.cells).splitlines()) == len(gain_csv(many.cells).splitlines()) == 1 + CELLS
    assert len(sessions_csv(many.cells).splitlines()) == 1 + sum(len(c.series.gains) for c in many.cells)


def test_the_terminal_counts_the_cells_and_shows_some(many):
    lines = summary_lines(many)
    open_cells = sum(cell.regime is Regime.UNRESOLVED for cell in many.cells)
    assert f"  development: {open_cells} unresolved" in lines
    assert len(lines) < 100
    assert sum(bool(re.match(r"  development \d+x\d+ ", line)) for line in lines) == large.NAMED


def test_pictures_and_memo_of_a_large_map_are_made(many):
    assert all(content.startswith(b"\x89PNG") for content in pictures(many).values())
    assert len(plots.gain_plots(many)) == large.PANELS
    assert "895 more cells are in regime.csv" in memo(many)
