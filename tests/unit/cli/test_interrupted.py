"""Whose sessions a new attempt goes on from, and whose it leaves alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ace.cli.interrupted import BEGUN, TakenOver, begin, take_over
from ace.measure.messages import HEARD
from ace.tracking.process import ProcessMark, this_process

HERE = this_process()
DEAD = replace(HERE, pid=2**22 + 1)  # above the largest number that Linux gives


def left(work: Path, name: str, key: str = "cell", by: ProcessMark = DEAD, sessions: int = 2) -> Path:
    """What an attempt left: some sessions heard to the end, and one that was cut off."""
    folder = work / name
    begin(folder, key, 1000.0, by)
    for index in range(sessions):
        (folder / f"session-{index:02d}").mkdir()
        (folder / f"session-{index:02d}" / HEARD).write_text(f"{name}/{index}")
    (folder / f"session-{sessions:02d}").mkdir()
    (folder / f"session-{sessions:02d}" / "order.json").write_text("{}")
    return folder


def test_sessions_that_were_heard_to_the_end_are_moved_and_the_rest_is_removed(tmp_path: Path) -> None:
    old, new = left(tmp_path, "old"), tmp_path / "new"
    assert take_over(tmp_path, new, "cell", HERE) == TakenOver(1000.0, 2)
    assert sorted(file.parent.name for file in new.glob(f"*/{HEARD}")) == ["session-00", "session-01"]
    assert not (new / "session-02").exists()
    assert not old.exists()


@pytest.mark.parametrize(
    "other",
    [{"key": "another"}, {"by": HERE}, {"by": replace(DEAD, boot_id="old")}, {"by": replace(DEAD, host="elsewhere")},
     {"by": replace(DEAD, pid_namespace="pid:[1]")}],
    ids=["another cell", "its process lives", "before the machine was restarted", "on another host",
         "in another container"],
)
def test_what_is_another_attempts_is_left_where_it_is(tmp_path: Path, other: dict[str, object]) -> None:
    old = left(tmp_path, "old", **other)  # type: ignore[arg-type]
    before = sorted(old.rglob("*"))
    assert take_over(tmp_path, tmp_path / "new", "cell", HERE) is None
    assert sorted(old.rglob("*")) == before


def test_of_several_the_newest_is_gone_on_with_and_one_without_a_session_is_no_attempt(tmp_path: Path) -> None:
    left(tmp_path, "20261126-100000-a")
    left(tmp_path, "20261126-110000-b", sessions=1)
    left(tmp_path, "20261126-120000-c", sessions=0)
    assert take_over(tmp_path, tmp_path / "new", "cell", HERE) == TakenOver(1000.0, 1)
    assert (tmp_path / "new" / "session-00" / HEARD).read_text() == "20261126-110000-b/0"


NOBODY = {"host": HERE.host, "boot_id": HERE.boot_id, "pid": -1, "started_at": 1.0}
IMPOSSIBLE = json.dumps({"cell_key": "cell", "started_at": 1.0, "by": NOBODY})


@pytest.mark.parametrize("content", ["", "[]", "{", '{"cell_key": 3}', "[" * 5000, IMPOSSIBLE])
def test_a_file_that_is_not_ours_is_passed_over(tmp_path: Path, content: str) -> None:
    old = left(tmp_path, "old")
    (old / BEGUN).write_text(content)
    assert take_over(tmp_path, tmp_path / "new", "cell", HERE) is None


def test_an_attempt_of_before_namespaces_is_gone_on_with(tmp_path: Path) -> None:
    left(tmp_path, "old", by=replace(DEAD, pid_namespace=None))
    assert take_over(tmp_path, tmp_path / "new", "cell", HERE) == TakenOver(1000.0, 2)


def test_an_attempt_is_gone_on_with_once(tmp_path: Path) -> None:
    left(tmp_path, "old")
    assert take_over(tmp_path, tmp_path / "one", "cell", HERE) is not None
    assert take_over(tmp_path, tmp_path / "two", "cell", HERE) is None
