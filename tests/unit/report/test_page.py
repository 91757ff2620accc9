"""The page and its plots: whole, well-formed, self-contained, and never more than the decision says."""

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from ace.domain.envelope import Admitted
from ace.domain.plan import SPLITS
from ace.domain.quality import Slices
from ace.domain.verdict import Regime
from ace.report import heat, plots, scales
from ace.report.explaining import edge_lines, model_lines, next_lines
from ace.report.figures import pictures
from ace.report.memo import memo
from ace.report.page import page
from ace.report.raw import drift_csv, gain_csv, sessions_csv
from ace.report.terminal import summary_lines
from ace.report.transferring import transfer_lines
from tests.unit.decide import builders as b
from tests.unit.decide.grids import cell, judged, obeying
from tests.unit.decide.test_imported import imported

SECTIONS = (
    "Claims by scope", "Where it helps", "Where the gain begins and ends", "Why",
    "From development to sealed documents", "Quality", "Gates", "Skeptic",
    "Every session", "Baseline over time", "Quality of parts", "Attempts and looks", "Provenance and energy",
    "Environment", "How to reproduce",
)  # fmt: skip
PAGE_LINES, PAGE_WORDS = 100, 1150  # of markdown: half of the lines are blank or rules
VOID = {"meta", "br", "hr", "img", "link", "input"}
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


class Tree(HTMLParser):
    """Every tag with its attributes; what is not closed in order is an error."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.tags = [], [], []
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))


def unscored(seq_len):
    return b.stored(replace(b.honest(0.1, b.plan(seq_len=seq_len)), quality=None, quality_reason="random weights"))


MAPS = {
    "a grid": [obeying(s, n, split=d) for s in (16, 64, 128, 256) for n in (1, 8) for d in SPLITS[:2]],
    "all splits": [b.stored(b.honest(0.1, b.plan(seq_len=s, split=d))) for s in (64, 128) for d in SPLITS],
    "a grid with holes": [cell(0.1, 16, 1), cell(0.1, 64, 8), cell(0.1, 128, 1)],
    "one cell": [cell(0.1, 64)],
    "one length": [cell(0.1, 64, n) for n in (1, 4, 8)],
    "one batch": [cell(g, s) for s, g in ((16, -0.1), (64, 0.0), (128, 0.1))],
    "no quality": [unscored(64), unscored(128)],
    "imported": [b.stored(imported("interleaved"))],
    "imported in unknown order": [b.stored(imported("unknown"))],
    "sizes": [cell(0.1, s, hidden=h, depth=d) for s in (32, 64) for h, d in ((96, 2), (384, 6))],
    "one session": [b.stored(b.honest(0.1, b.plan(sessions=1)))],
    "extremes": [cell(13.0, 64), cell(-13.0, 128)],
    "nothing": [b.stored(b.record(), record=None, problem="record.json is gone")],
}  # fmt: skip


@pytest.fixture(scope="module", params=MAPS)
def shown(request):
    return judged(*MAPS[request.param])


@pytest.fixture(scope="module")
def grid():
    return judged(*MAPS["a grid"])


def test_any_map_makes_a_well_formed_page_with_every_section(shown):
    text = page(shown, {})
    tree = Tree(text)
    assert tree.wrong == []
    for drawing in re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL):
        ElementTree.fromstring(drawing)  # XML is stricter than a browser
    expected = SECTIONS if any(c.quality for c in shown.cells) else [s for s in SECTIONS if s != "Quality"]
    for section in expected:
        assert f"<h2>{section}</h2>" in text
    assert not re.search(r"\b(nan|inf|None)\b", re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL))


def test_any_map_makes_memo_terminal_tables_and_pictures(shown):
    assert "## Where the gain begins and ends, and why" in memo(shown)
    assert len(memo(shown).splitlines()) <= PAGE_LINES
    assert len(memo(shown).split()) <= PAGE_WORDS
    assert summary_lines(shown)
    assert all(content.startswith(b"\x89PNG") for content in pictures(shown).values())
    for table in (gain_csv, sessions_csv, drift_csv):
        rows = list(csv.reader(io.StringIO(table(shown.cells))))
        assert len({len(row) for row in rows}) == 1


def test_the_page_loads_nothing_and_runs_nothing(grid):
    text = page(grid, pictures(grid))
    tree = Tree(text)
    assert not [a for tag, a in tree.tags if tag in ("script", "link", "iframe", "img", "object")]
    assert not [a for _, a in tree.tags if "src" in a or "href" in a or any(key.startswith("on") for key in a)]
    assert set(re.findall(r"url\((.)", text)) == {"#"} or "url(" not in text
    assert "default-src 'none'" in text


def test_every_cell_of_the_map_can_be_reached_by_keyboard_and_says_its_numbers(grid):
    boxes = [a for tag, a in Tree(page(grid, {})).tags if tag == "g" and a.get("class", "").startswith("box")]
    assert len(boxes) == len(grid.cells) == 16
    for found, shown in zip(boxes, grid.cells, strict=True):
        assert found["tabindex"] == "0"
        assert found["aria-label"] == plots.cell_text(shown)


def test_what_a_run_says_is_text_in_the_plots_too():
    plan = b.plan(seq_len=64)
    plan = replace(plan, executor=replace(plan.executor, parameters=(("note", EVIL),)))
    text = page(judged(b.stored(b.honest(0.1, plan)), b.stored(b.record(of=plan), run_id=EVIL, problem=EVIL)), {})
    assert "<script" not in text
    assert "<img" not in text
    assert Tree(text).wrong == []


def test_admitted_cells_are_outlined_and_no_others(grid):
    one = grid.cells[0]
    admitted = replace(grid.envelope, admitted=(_admitted(one),))
    marked = [mark for plot in heat.heat_plots(replace(grid, envelope=admitted)) for mark in plot.marks]
    outlined = [mark for mark in marked if "admitted" in mark.kind.split()]
    assert {mark.title.split(":")[0].split()[1] for mark in outlined} == {one.cell.split()[1]}
    assert "No cell is admitted" in page(grid, {})


def _admitted(cell):
    return Admitted(cell.shape, cell.gain, cell.low, cell.high)


def test_unresolved_cells_are_hatched_and_no_others(grid):
    cells = tuple(replace(c, regime=Regime.UNRESOLVED) if c.seq_len == 16 else c for c in grid.cells)
    marks = [mark for plot in heat.heat_plots(replace(grid, cells=cells)) for mark in plot.marks]
    assert [m for m in marks if "hatched" in m.kind] == [m for m in marks if "unresolved" in m.title]


def test_every_session_is_a_mark_and_a_row(grid):
    dots = [dot for plot in plots.session_plots(grid) for mark in plot.marks for dot in mark.dots]
    sessions = sum(len(c.series.gains) + len(c.series.null_gains) for c in grid.cells)
    assert len(dots) == sessions == 320
    assert len(sessions_csv(grid.cells).splitlines()) == 1 + 160
    assert sum(len(plot.marks) for plot in plots.drift_plots(grid)) == 160
    assert len(drift_csv(grid.cells).splitlines()) == 1 + 160


def test_a_length_without_a_cell_breaks_the_line_of_the_gain():
    decision = judged(cell(0.1, 16), cell(0.1, 32), cell(0.1, 128), cell(0.1, 64, 8))
    first = plots.gain_plots(decision)[0]
    assert (len(first.marks), [len(line.split()) for line in first.lines]) == (3, [2])


def test_a_higher_gain_stands_higher_and_all_panels_share_a_scale(grid):
    found = plots.gain_plots(grid)
    assert len({plot.ticks for plot in found}) == 1
    for plot in found:
        heights = [mark.y for mark in plot.marks]
        assert heights == sorted(heights, reverse=True)  # these cells gain more the longer they are
        assert all(mark.high_y <= mark.y <= mark.low_y for mark in plot.marks)


def test_a_colour_is_white_at_nothing_and_never_darker_than_ink_can_be_read_on():
    assert scales.colour(0.0, 0.2) == scales.colour(None, 0.2) == "#f7f7f7"
    assert scales.colour(0.2, 0.2) == scales.colour(9.0, 0.2) == "#8073ac"
    assert scales.colour(-0.2, 0.2) == "#e08214"


def test_memo_page_and_terminal_say_the_same_of_the_map(grid):
    text = page(grid, {}).replace("&#39;", "'")
    plain = memo(grid).replace("\\", "")
    for line in (*edge_lines(grid), *next_lines(grid), *model_lines(grid), *transfer_lines(grid)):
        assert line in plain or "more in report.html" in plain
    for line in (*edge_lines(grid), *next_lines(grid), *model_lines(grid)):
        assert line in text
    for line in (edge_lines(grid)[0], next_lines(grid)[0], model_lines(grid)[0], transfer_lines(grid)[0]):
        assert line in plain
    assert "whatever it computes" in text
    assert "which saving FLOPs cannot touch" in text
    crossing = judged(*MAPS["one batch"])
    assert any("enters positive between 64 (boundary) and 128" in line for line in summary_lines(crossing))


def test_an_idea_with_a_fixed_cost_of_its_own_is_told_so(grid):
    assert not any("adds to the fixed cost" in line for line in model_lines(grid))
    dense, pruned = grid.mechanism.models
    own = replace(pruned.line.intercept, value=1.0, low=0.9, high=1.1)
    dearer = replace(pruned, line=replace(pruned.line, intercept=own))
    told = model_lines(replace(grid, mechanism=replace(grid.mechanism, models=(dense, dearer))))
    assert any("adds to the fixed cost (1e+03 ms against" in line for line in told)


def test_every_part_of_the_documents_stands_beside_the_worst_one():
    made = b.honest(0.1, b.plan())
    thirds = Slices("length", ("short", "middle", "long"), tuple(i % 3 for i in range(len(made.documents))))
    decision = judged(b.stored(replace(made, slices=(thirds,))))
    [shown] = decision.cells
    assert [part.name for part in shown.slices] == ["length short", "length middle", "length long"]
    assert shown.quality.worst in shown.slices
    assert sum(part.n for part in shown.slices) == shown.quality.n
    text = page(decision, {})
    assert all(f"<td>{part.name}</td>" in text for part in shown.slices)


def test_the_page_names_the_digest_of_each_picture_beside_it(grid):
    text = page(grid, {"gain.png": b"one"})
    assert "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed" in text
