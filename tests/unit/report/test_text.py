import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ace.decide import judge
from ace.domain.finding import Outcome
from ace.report.figures import heat_map
from ace.report.memo import memo
from ace.report.page import page
from ace.report.tables import regime_csv
from ace.report.terminal import summary_lines
from ace.report.wording import MEANING, markdown, plain
from tests import builders as b

GAIN = 0.122
EVIL = "<script>alert(1)</script>|`x`\x1b[31m![a](http://e.vil)\n# big"


def decide(*cells, policy=None):
    [decision] = judge(b.evidence(*cells), policy or b.near_term())
    return decision


@pytest.fixture(scope="module")
def honest():
    return decide(*(b.stored(b.honest(GAIN, b.plan(split=split))) for split in ("development", "validation")))


@pytest.fixture(scope="module")
def hostile():
    plan = replace(b.plan(), executor=replace(b.plan().executor, parameters=(("note", EVIL),)))
    dead = b.stored(b.record(of=plan), run_id=EVIL, status="KILLED", record=None, problem=EVIL)
    return decide(b.stored(b.honest(GAIN, plan)), dead)


class Tags(HTMLParser):
    """Collects tags and what they load."""

    def __init__(self):
        super().__init__()
        self.seen, self.loads = set(), []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.loads += [value for key, value in attrs if key in ("src", "href") and not value.startswith("data:")]


def test_the_terminal_names_verdict_gain_estimand_and_every_gate(honest):
    text = "\n".join(summary_lines(honest))
    assert text.startswith("EXPLORATORY  TokenPruning(keep_ratio=0.7) on minilm")
    assert "steady-state median ratio" in text
    assert re.search(r"development 64x1 +positive +\+1\d\.\d % \[\+1\d\.\d, \+1\d\.\d\]", text)
    for name in {f.name for f in honest.gates}:
        assert re.search(rf"^  {name} +(PASS|FAIL|NO_EVIDENCE)", text, re.MULTILINE)


def test_every_open_gate_names_a_next_step(honest):
    assert all(f.next_step for f in honest.gates if f.outcome in (Outcome.FAIL, Outcome.NO_EVIDENCE))


def test_every_verdict_has_a_meaning():
    assert all(text.endswith(".") for text in MEANING.values())
    assert len(MEANING) == 8


def test_control_characters_of_a_run_do_not_reach_the_terminal(hostile):
    assert all(line.isprintable() for line in summary_lines(hostile))


def test_a_run_cannot_write_html(hostile):
    tags = Tags()
    tags.feed(page(hostile, {}))
    assert "script" not in tags.seen
    assert tags.loads == []


def test_no_name_in_a_record_can_write_html_or_markdown():
    def marked(made):
        plan = made.plan
        model = replace(plan.model, name=EVIL)
        benchmark = replace(plan.benchmark, name=EVIL, task=EVIL, licence=EVIL)
        place = b.environment(host=EVIL, cpu_model=EVIL, kernel=EVIL, device=EVIL, versions=(("torch", EVIL),))
        sessions = tuple(replace(session, environment=place) for session in made.sessions)
        return replace(made, plan=replace(plan, model=model, benchmark=benchmark), sessions=sessions)

    made = decide(b.stored(marked(b.honest(GAIN, b.plan()))))
    shown, tags = page(made, {}), Tags()
    tags.feed(shown)
    assert shown.count("&lt;script&gt;") > 5  # they are shown, as text
    assert not tags.seen & {"script", "img", "a", "iframe", "object"}
    assert tags.loads == []
    text = "\n".join(line for line in memo(made).splitlines() if not line.startswith("    "))  # code is literal
    assert "&lt;script" in text
    assert "<script>" not in text
    assert "![a](" not in text


def test_a_run_cannot_break_a_markdown_table_or_add_a_link_or_a_heading(hostile):
    text = memo(hostile)
    text = "\n".join(line for line in text.splitlines() if not line.startswith("    "))  # code blocks are literal
    assert "<script>" not in text
    assert "![a](" not in text
    assert not re.search(r"^# big", text, re.MULTILINE)
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("| run ")}
    rows = {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("| &lt;script")}
    assert rows == widths == {5}


def test_the_page_is_one_file_with_all_its_sections(honest):
    text = page(honest, {})
    for section in ("Claims by scope", "Where it helps", "Gates", "Skeptic", "Attempts and looks", "How to reproduce"):
        assert f"<h2>{section}</h2>" in text
    assert "prefers-color-scheme: dark" in text
    assert "http://" not in text
    assert "https://" not in text


def test_the_memo_says_the_same_as_the_page(honest):
    text = memo(honest)
    for word in ("EXPLORATORY", "steady-state median ratio", "| 64x1 | positive |", "ace-decide --experiment"):
        assert word in text


def test_every_cell_says_how_much_of_the_machine_each_arm_uses(honest):
    # 1 GFLOP in 25 ms and .7 in 22, on a machine that does 250 a second
    for text in (memo(honest), page(honest, {})):
        assert "16 %, 13 %" in text
        assert "Of roofline: the least time" in text
    assert "baseline_roofline,candidate_roofline" in regime_csv(honest.cells).splitlines()[0]
    unknown = [replace(cell, candidate_roofline=None) for cell in honest.cells]
    assert "16 %, not known" in memo(replace(honest, cells=tuple(unknown)))


def test_a_calibration_is_announced_as_one():
    planted = replace(b.honest(GAIN, b.plan()), planted="baseline")
    decision = decide(b.stored(planted))
    for text in (memo(decision), page(decision, {}), "\n".join(summary_lines(decision))):
        assert "Calibration: known extra compute was planted in the baseline arm" in text


def test_rules_that_fire_are_told_with_their_next_step():
    masked = decide(b.stored(b.record(GAIN, tokens=(64,) * 6)))
    for text in (memo(masked), page(masked, {}), "\n".join(summary_lines(masked))):
        assert "mechanism absent" in text
        assert "drop the tokens rather than mask them" in text


def test_the_picture_is_a_png_and_the_same_twice(honest):
    first = heat_map(honest.cells)
    assert first.startswith(b"\x89PNG")
    assert first == heat_map(honest.cells)
    assert heat_map(()).startswith(b"\x89PNG")


def test_the_picture_of_a_large_map_of_two_models_is_still_drawn():
    shape = {(seq_len, batch, hidden) for seq_len in (16, 32, 64) for batch in (1, 2, 4) for hidden in (96, 384)}
    cell = decide(b.stored(b.honest(GAIN, b.plan()))).cells[0]
    cells = [replace(cell, seq_len=s, batch=n, hidden=h) for s, n, h in sorted(shape)]
    assert heat_map(cells).startswith(b"\x89PNG")


def test_text_is_kept_and_only_its_power_is_taken():
    assert markdown("keep_ratio=0.7 -> next") == "keep_ratio=0.7 -> next"
    assert markdown("a|b <i> `c`") == "a\\|b &lt;i> \\`c\\`"
    assert markdown("https://e.vil, (www.e.vil) www") == "https\\://e.vil, (www\\.e.vil) www"
    assert plain("a\x1b[31mb\nc") == "a [31mb c"


def test_an_axis_whose_cells_differ_by_noise_alone_tells_no_share_of_it():
    cells = [b.stored(b.honest(0.1, b.plan(seq_len=n)), run_id=f"run-{n}") for n in (64, 128)]
    text = memo(decide(*cells)).replace("\\", "")
    assert re.search(r"doubling seq_len multiplies baseline over candidate by .*, and whether it tells any", text)
    assert "100 % [0, 100]" not in text


def test_a_map_of_several_lengths_says_what_doubling_them_does_and_one_cell_says_nothing(honest):
    cells = [b.stored(b.honest(g, b.plan(seq_len=n)), run_id=f"run-{n}") for g, n in ((0.1, 64), (0.2, 128))]
    grown = decide(*cells)
    for text in (memo(grown).replace("\\", ""), page(grown, {}).replace("&#39;", "'")):
        assert re.search(r"doubling seq_len multiplies baseline over candidate by 1\.1\d\d .*tells 100 %", text)
        assert "the baseline's own time" in text
    assert "Which axes matter" not in memo(honest)
