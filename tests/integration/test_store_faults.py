"""A disk that is full, a store that nobody may write to, a lock that somebody holds: one clear line, nothing lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from ace.cli import verify
from ace.errors import StoreError
from ace.tracking import names, sqlite_file
from ace.tracking.artifacts import write_artifact
from ace.tracking.reader import read_evidence
from ace.tracking.store import open_existing_store, open_store
from tests.integration.conftest import REPOSITORY


def on_a_full_disk(what: str, root: Path) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.full_disk", what, str(root)],
        cwd=root, env=environment, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_record_that_finds_no_room_is_one_line_and_the_store_goes_on(tmp_path: Path) -> None:
    written, made = on_a_full_disk("record", tmp_path)
    assert written.startswith("cannot write record.json of run ")
    assert "File too large" in written
    assert made.startswith("cannot write the tracking store under ")
    opened = open_existing_store(None, tmp_path)
    by_status = {cell.status: cell for cell in read_evidence(opened, "token_pruning").cells}  # both began at once
    assert set(by_status) == {"FAILED", "FINISHED"}
    full = by_status["FAILED"]
    assert (full.record, full.problem) == (None, "traceback: StoreError: the disk was full")
    assert by_status["FINISHED"].record is not None
    assert [path.name for path in tmp_path.rglob("*.part")] == []
    open_store(None, tmp_path / "new")  # what the first start left half-made stands in nobody's way


def test_a_look_that_finds_no_room_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    said, entries = on_a_full_disk("ledger", tmp_path)
    assert "cannot be written" in said
    assert entries == "1"


def test_a_bundle_that_finds_no_room_leaves_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [said] = on_a_full_disk("bundle", tmp_path)
    assert said.startswith("the decision bundle cannot be written to ")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    with pytest.raises(SystemExit) as ended:
        verify.main([str(tmp_path / "bundle")])
    assert ended.value.code == 0, capsys.readouterr()


def test_a_link_under_the_temporary_name_is_not_written_through(tmp_path: Path) -> None:
    made, run = open_store(None, tmp_path / "mlruns"), tmp_path / "mlruns" / "run"
    run.mkdir()
    (tmp_path / "precious").write_text("mine")
    (run / f".record.json.{os.getpid()}.part").symlink_to(tmp_path / "precious")
    (run / names.RECORD_FILE).symlink_to(tmp_path / "precious")
    write_artifact(made, "run", str(run), names.RECORD_FILE, "theirs")
    assert (tmp_path / "precious").read_text() == "mine"
    assert (run / names.RECORD_FILE).read_text() == "theirs"
    assert not (run / names.RECORD_FILE).is_symlink()
    with pytest.raises(StoreError, match="are refused"):
        write_artifact(made, "run", str(tmp_path), names.RECORD_FILE, "theirs")


def test_a_store_that_another_process_is_setting_up_is_waited_for_so_long_and_then_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "LOCK_WAIT_S", 0.2)
    lock = tmp_path / "mlflow.db.lock"
    with FileLock(lock), pytest.raises(StoreError, match=r"another process .* wait for it or end it") as refused:
        open_store(None, tmp_path)
    assert str(lock) in str(refused.value)
    open_store(None, tmp_path)  # and once it is free, nothing stands in the way
