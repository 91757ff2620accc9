"""What jobs in other processes leave behind is what their sweep is told."""

from pathlib import Path

import pytest

from ace.cli.noting import Note, any_failed, folder_of, leave, left
from ace.errors import StoreError

KEPT = Note("batch=1", kept="a" * 32)
REFUSED = Note("batch=0", refused=True, failed="batch=0 is refused; allowed: 1 or more")
MEASURED = Note("batch=2", measured=True, seconds=(("timed calls", 25.5), ("the rest", 1.0)))


def test_the_sweep_reads_what_its_jobs_have_noted(tmp_path: Path) -> None:
    for number, note in enumerate((KEPT, REFUSED, MEASURED)):
        leave(tmp_path / "notes", number, note)
    assert sorted(left(tmp_path / "notes"), key=lambda note: note.job) == [REFUSED, KEPT, MEASURED]


def test_whether_a_job_has_failed_is_seen_by_the_other_jobs(tmp_path: Path) -> None:
    leave(tmp_path, 0, KEPT)
    assert not any_failed(tmp_path)
    leave(tmp_path, 1, REFUSED)
    assert any_failed(tmp_path)


def test_a_job_that_its_engine_runs_again_is_one_job(tmp_path: Path) -> None:
    leave(tmp_path, 3, REFUSED)
    leave(tmp_path, 3, MEASURED)
    assert list(left(tmp_path)) == [MEASURED]
    assert not any_failed(tmp_path)


def test_a_note_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    leave(tmp_path, 0, KEPT)
    (tmp_path / "1.json").write_text('{"job":"batch=2"')
    (tmp_path / "2.json").write_text('{"job":"batch=4","measured":"yes"}')
    assert list(left(tmp_path)) == [KEPT]
    assert list(left(tmp_path / "of nobody")) == []


def test_a_folder_that_is_used_again_does_not_hand_one_sweep_the_notes_of_another(tmp_path: Path) -> None:
    leave(folder_of(str(tmp_path), "first"), 0, KEPT)
    assert list(left(folder_of(str(tmp_path), "second"))) == []


def test_a_note_that_finds_no_place_is_not_lost_in_silence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="batch=1 cannot be noted"):
        leave(tmp_path / "file", 0, KEPT)
