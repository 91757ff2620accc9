import hashlib
import json
from dataclasses import replace

import pytest

from ace.decide import judge
from ace.domain.decision import decision_text
from ace.domain.decode import decode
from ace.domain.record import CellRecord, record_text
from ace.errors import StoreError
from ace.report.bundle import write_bundle
from tests import builders as b

GAIN = 0.122


@pytest.fixture(scope="module")
def judged():
    cells = [b.stored(b.honest(GAIN, b.plan(split=split))) for split in ("development", "validation")]
    evidence = b.evidence(*cells)
    [decision] = judge(evidence, b.near_term())
    return decision, evidence


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_same_decision_gives_the_same_bytes_anywhere(judged, tmp_path):
    write_bundle(*judged, tmp_path / "one")
    write_bundle(*judged, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_every_file_is_in_the_sums_and_every_sum_is_right(judged, tmp_path):
    write_bundle(*judged, tmp_path / "bundle")
    files = contents(tmp_path / "bundle")
    sums = dict(line.split("  ")[::-1] for line in files.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert {"decision.json", "evidence.json", "memo.md", "report.html", "regime.png", "regime.csv"} <= set(files)


def test_the_digest_of_a_bundle_is_that_of_its_sums(judged, tmp_path):
    digest = write_bundle(*judged, tmp_path / "bundle")
    assert digest == hashlib.sha256((tmp_path / "bundle" / "SHA256SUMS").read_bytes()).hexdigest()


def test_a_link_to_where_bundles_are_kept_stays_a_link_and_the_bundle_is_replaced(judged, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    for _ in range(2):
        write_bundle(*judged, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "link"]
    assert (tmp_path / "kept" / "SHA256SUMS").is_file()


def test_records_are_whole_and_lie_under_their_own_digest(judged, tmp_path):
    decision, evidence = judged
    write_bundle(decision, evidence, tmp_path / "bundle")
    records = [cell.record for cell in evidence.cells]
    for path in (tmp_path / "bundle" / "records").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
        assert decode(CellRecord, json.loads(path.read_text())) in records
    assert {digest for cell in decision.cells for digest in cell.records} == {
        path.stem for path in (tmp_path / "bundle" / "records").iterdir()
    }


def test_decision_json_is_canonical(judged, tmp_path):
    write_bundle(*judged, tmp_path / "bundle")
    assert (tmp_path / "bundle" / "decision.json").read_text() == decision_text(judged[0])


def test_an_earlier_bundle_is_replaced_whole(judged, tmp_path):
    decision, evidence = judged
    write_bundle(decision, evidence, tmp_path / "bundle")
    write_bundle(decision, replace(evidence, cells=evidence.cells[:1]), tmp_path / "bundle")
    assert len(list((tmp_path / "bundle" / "records").iterdir())) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_an_empty_folder_is_taken_and_somebodys_files_are_not(judged, tmp_path):
    (tmp_path / "empty").mkdir()
    write_bundle(*judged, tmp_path / "empty")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    with pytest.raises(StoreError, match="not a decision bundle"):
        write_bundle(*judged, tmp_path / "full")
    assert (tmp_path / "full" / "thesis.tex").exists()


def test_a_place_that_cannot_be_written_is_one_clear_error_and_leaves_nothing(judged, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_bundle(*judged, tmp_path / "file" / "bundle")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_decision_without_cells_still_makes_a_bundle(tmp_path):
    lost = b.stored(b.record(), record=None, problem="record.json: sha256 differs")
    evidence = b.evidence(lost)
    [decision] = judge(evidence, b.near_term())
    write_bundle(decision, evidence, tmp_path / "bundle")
    assert "no development cell" in (tmp_path / "bundle" / "memo.md").read_text().lower()


def test_csv_leaves_what_was_not_measured_empty(tmp_path):
    unscored = replace(b.record(GAIN), quality=None, quality_reason="random weights")
    evidence = b.evidence(b.stored(unscored))
    [decision] = judge(evidence, b.near_term())
    write_bundle(decision, evidence, tmp_path / "bundle")
    head, row = (tmp_path / "bundle" / "regime.csv").read_text().splitlines()
    found = dict(zip(head.split(","), row.split(","), strict=True))
    assert found["quality_difference"] == ""
    assert float(found["gain_percent"]) == pytest.approx(13.0, abs=1.0)


def test_records_as_their_store_holds_them_give_the_same_bundle_and_what_is_not_them_is_never_taken(judged, tmp_path):
    decision, evidence = judged
    texts = {cell.run_id: record_text(cell.record).encode() for cell in evidence.cells}
    written = {
        write_bundle(decision, evidence, tmp_path / name, stored)
        for name, stored in (
            ("none", lambda _: None),
            ("kept", lambda cell: texts[cell.run_id]),
            ("changed", lambda cell: texts[cell.run_id] + b" "),
            ("another's", lambda cell: next(text for run, text in texts.items() if run != cell.run_id)),
        )
    }
    assert len(written) == 1
