"""The study's script: what it would measure, and what its page says of decisions that are known."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from ace.domain.plan import DEVELOPMENT, VALIDATION, Shape
from ace.domain.verdict import Regime
from benchmarks import study, study_archives
from benchmarks.study_page import DIFFERS, HOLDS, UNSAID, Planned, compared, earlier, study_page
from tests.unit.decide import builders as b
from tests.unit.decide.grids import cell, judged

MAP = judged(cell(0.1, 64), cell(-0.1, 128), cell(-0.1, 512, 8), b.stored(b.honest(0.1, b.plan(256, sessions=3))))


@pytest.mark.parametrize(
    ("seq_len", "batch", "said"),
    [(256, 4, Regime.POSITIVE), (384, 2, Regime.EDGE), (512, 2, Regime.BOUNDARY), (512, 4, Regime.COLLAPSE),
     (256, 8, Regime.COLLAPSE)],
)  # fmt: skip
def test_the_earlier_table_is_quoted_as_it_was(seq_len, batch, said):
    assert earlier(seq_len, batch) is said


def test_a_cell_holds_differs_or_cannot_be_said_and_says_why():
    found = {cell.seq_len: compared(cell, MAP) for cell in MAP.cells}
    assert found[64] == found[512] == (HOLDS, "")
    assert found[128][0] == DIFFERS
    assert "it is collapse" in found[128][1]
    answer, why = found[256]
    assert (answer, "3 sessions" in why) == (UNSAID, True)


def test_the_page_has_a_row_for_every_cell_and_every_member():
    text = study_page({"token_pruning": MAP, "token_merging": judged(cell(0.05, 64))}, MAP, (), (2.0, 9.0), (), None)
    assert "4 cells: 2 holds, 1 does not hold, 1 cannot be said." in text
    assert all(f"| {shape} |" in text for shape in ("64x1", "128x1", "256x1", "512x8"))
    assert "## token_merging" in text
    assert "No cell was measured on other documents." in text


def test_what_was_planned_and_not_measured_is_named_and_nothing_stands_for_it():
    sizes = MAP.cells[0].shape
    lacking = Shape(384, 4, sizes.hidden, sizes.depth)
    planned = [
        Planned(MAP.experiment, DEVELOPMENT, (sizes, lacking), "python launch.py seq_len=N"),
        Planned("token_merging", DEVELOPMENT, (lacking,), "python launch.py executor=token_merging"),
    ]
    text = study_page({"token_pruning": MAP}, MAP, planned, (2.0, 9.0), (), None)
    assert "Planned and not measured: 384x4." in text
    assert "1 of the 2 planned cells of the map were measured" in text
    assert "| 384x4 |" not in text
    assert "## token_merging\n\nNo cell was measured." in text
    assert "    python launch.py seq_len=N\n" in text
    assert "median 5.5, from 2.0 to 9.0" in text


def test_a_confirmed_cell_that_was_not_opened_says_what_stood_against_it():
    shape = next(cell.shape for cell in MAP.cells if cell.seq_len == 128)
    text = study_page({"token_pruning": MAP}, MAP, [Planned(MAP.experiment, VALIDATION, (shape,), "")], (), (), None)
    assert "| 128x1 | no | it was not measured on validation; it is collapse on development" in text


def test_attempts_stand_in_the_order_of_time_whatever_the_order_of_the_store():
    stored = [cell(0.1, 128), cell(0.1, 64)]
    late, early = (replace(one, started_at=moment) for one, moment in zip(stored, (120.0, 0.0), strict=True))
    rows = study.history_of(b.evidence(late, early))
    assert [row[:2] for row in rows] == [("0", "development 64x1"), ("2", "development 128x1")]
    assert "| 2 | development 128x1 |" in study_page({"token_pruning": MAP}, MAP, (), (), rows, None)


def test_the_study_covers_28_cells_a_row_the_sizes_and_four_confirmed_cells():
    asked = study.parts(tiny=False)
    assert [(part.experiment, part.split, len(part.shapes)) for part in asked] == [
        ("token_pruning", DEVELOPMENT, 4), ("token_pruning", VALIDATION, 4), ("token_pruning", DEVELOPMENT, 28),
        ("token_merging", DEVELOPMENT, 28), ("token_pruning_threshold", DEVELOPMENT, 7),
        ("token_pruning_sizes", DEVELOPMENT, 9),
    ]  # fmt: skip
    grid = set(asked[2].shapes)
    assert set(asked[0].shapes) == set(asked[1].shapes) <= grid
    assert set(asked[4].shapes) <= grid


def test_the_maps_have_one_protocol_and_a_claim_is_measured_with_its_rivals_as_anybody_measures():
    asked = study.parts(tiny=False)
    assert [set(study.PROTOCOL) <= set(part.overrides) for part in asked] == [False, False, True, True, True, True]
    assert [part.overrides for part in asked[:2]] == [("experiment=token_pruning",)] * 2
    assert [set(study.ALONE) <= set(part.overrides) for part in asked] == [False, False, True, True, True, True]
    assert sum(len(part.shapes) for part in study.parts(tiny=True)) == 2


def test_an_empty_store_lacks_every_cell(tmp_path: Path):
    [part] = study.parts(tiny=True)
    assert list(study.missing(part, tmp_path)) == list(part.shapes)


def lying(bundle: Path, memo: bytes) -> Path:
    bundle.mkdir(parents=True)
    (bundle / "memo.md").write_bytes(memo)
    (bundle / "SHA256SUMS").write_text("0  memo.md\n")
    return bundle


def test_a_packed_bundle_is_the_same_bytes_twice(tmp_path: Path):
    bundle, made = lying(tmp_path / "bundle", b"memo"), []
    for name in ("one.zip", "two.zip"):
        study_archives.pack(bundle, tmp_path / name)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]


def test_every_measured_member_keeps_its_evidence_and_an_unmeasured_one_keeps_none_of_an_earlier_study(tmp_path: Path):
    there = ["token_pruning", "token_merging"]
    (tmp_path / "token_pruning_sizes.zip").write_bytes(b"earlier")
    for name in there:
        lying(tmp_path / "bundles" / name, name.encode())
    kept = study_archives.keep(tmp_path / "bundles", tmp_path, [*there, "token_pruning_sizes"], there)
    assert kept == [tmp_path / "token_pruning.zip", tmp_path / "token_merging.zip"]
    assert set(kept) == set(tmp_path.glob("*.zip"))
    for archive in kept:
        with zipfile.ZipFile(archive) as opened:
            assert opened.read("memo.md") == archive.stem.encode()


def test_archives_that_are_too_large_together_are_refused_each_with_its_size(tmp_path: Path, monkeypatch):
    there = ["token_pruning", "token_merging"]
    for name in there:
        lying(tmp_path / "bundles" / name, bytes(10))
    alone = study_archives.keep(tmp_path / "bundles", tmp_path, there[:1], there[:1])[0].stat().st_size
    monkeypatch.setattr(study_archives, "MOST_BYTES", alone + 1)
    with pytest.raises(SystemExit, match=f"token_pruning.zip {alone}, token_merging.zip {alone}"):
        study_archives.keep(tmp_path / "bundles", tmp_path, there, there)


def test_the_page_names_the_evidence_of_every_member_and_what_two_whole_maps_agree_on(tmp_path: Path):
    merging = replace(judged(cell(0.3, 64), cell(-0.1, 128)), experiment="token_merging")
    decisions = {"token_pruning": replace(MAP, experiment="token_pruning"), "token_merging": merging}
    for name in decisions:
        lying(tmp_path / name, name.encode())
    agreed = study.together(decisions, tmp_path)
    assert agreed is not None
    assert agreed.members[1].bundle == study_archives.digest_of(tmp_path / "token_merging")
    text = study_page(decisions, MAP, (), (), (), agreed)
    assert all(f"    ace-verify docs/studies/{name}.zip\n" in text for name in decisions)
    assert "## Consensus of a family" in text
    assert "- 64x1 (hidden 384, depth 6), bands do not overlap: token_pruning positive" in text
    assert study.together({"token_pruning": MAP, "token_pruning_threshold": MAP}, tmp_path) is None
    assert "## Consensus" not in study_page({"token_pruning": MAP}, MAP, (), (), (), None)
