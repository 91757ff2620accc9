"""The report of a bundle in a real browser, as a reader opens, steps through and prints it."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ace.decide import judge
from ace.decide.replay import evidence_of
from ace.domain.plan import SPLITS
from ace.report.bundle import write_bundle
from docs.chromium import Opened, opened, picture, printed
from tests.unit.decide import builders as b
from tests.unit.decide import registered as r
from tests.unit.report.test_page import SECTIONS

pytestmark = pytest.mark.slow

MOST_BYTES = 3_000_000
LENGTHS, BATCHES = (16, 32, 64, 96, 128, 192, 256, 512), (1, 2, 4, 6, 8, 16)


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of an accepted claim of five cells."""
    cells = r.explored((64, 1), (128, 1), (64, 4), (128, 4), (256, 1))
    made = r.registration_of(cells)
    look = r.look_of(made)
    evidence = r.evidence(cells + r.opened(made, look), made, (look,))
    decision = r.decide(evidence)
    place = tmp_path_factory.mktemp("report") / "bundle"
    write_bundle(decision, evidence_of(decision.claim, evidence), place)
    return place / "report.html"


@pytest.fixture(scope="module")
def shown(accepted: Path) -> Opened:
    return opened(accepted.as_uri())


class Headings(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.inside = tag == "h2"

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.found.append(data)


def test_what_a_page_asks_for_and_what_its_scripts_say_is_seen(tmp_path):
    (tmp_path / "bad.html").write_text('<img src="http://127.0.0.1:9/x.png"><script>nothing()</script>')
    bad = opened((tmp_path / "bad.html").as_uri())
    assert "127.0.0.1:9" in bad.hosts
    assert any("nothing is not defined" in line for line in bad.console)


def test_every_section_is_there_no_script_fails_and_nothing_is_asked_for(shown):
    assert set(SECTIONS) <= set(Headings(shown.dom).found)
    assert shown.console == ()
    assert shown.hosts <= opened("about:blank").hosts  # what the browser asks for itself


def test_every_cell_can_be_stepped_to_by_keyboard(shown):
    assert len(re.findall(r'<g class="box[^>]* tabindex="0"', shown.dom)) == 15


def test_the_report_prints_to_a_pdf_of_some_pages(accepted, tmp_path):
    printed(accepted.as_uri(), tmp_path / "report.pdf")
    content = (tmp_path / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type */Page\b", content)) <= 20


def test_dark_and_light_are_different_pictures_of_the_same_page(accepted, tmp_path):
    for name, dark in (("light.png", False), ("dark.png", True)):
        picture(accepted.as_uri(), tmp_path / name, (800, 600), 1000, dark)
    light, dark = ((tmp_path / name).read_bytes() for name in ("light.png", "dark.png"))
    assert light.startswith(b"\x89PNG")
    assert light != dark


def test_a_map_of_48_cells_on_three_splits_with_20_sessions_is_a_page_of_less_than_3_mb_that_opens(tmp_path):
    plans = [b.plan(s, n, split, sessions=20, rounds=20) for s in LENGTHS for n in BATCHES for split in SPLITS]
    evidence = b.evidence(*(b.stored(b.honest(0.12, plan)) for plan in plans))
    [decision] = judge(evidence, b.near_term())
    write_bundle(decision, evidence_of(decision.claim, evidence), tmp_path / "bundle")
    page = tmp_path / "bundle" / "report.html"
    assert page.stat().st_size < MOST_BYTES
    assert opened(page.as_uri()).console == ()
