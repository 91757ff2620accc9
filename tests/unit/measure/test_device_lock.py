"""A device measures for one process at a time: others wait as long as they were told to, and say for whom."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ace.errors import MeasurementError
from ace.measure.device_lock import device_alone

HOLD = """
import sys, time
from pathlib import Path
from ace.measure.device_lock import device_alone
with device_alone("cpu", "64x1 of somebody", 5, print, Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holding(folder: Path, seconds: float) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLD, str(folder), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_waited_for_and_named_once(tmp_path: Path) -> None:
    said: list[str] = []
    with holding(tmp_path, 1.5) as other, device_alone("cpu", "mine", 60, said.append, tmp_path) as waited_s:
        assert other.wait(10) == 0, "the lock was given while it was held"
    assert waited_s > 0.5
    [line] = said
    assert f"process {other.pid} (64x1 of somebody, since " in line


def test_the_wait_has_an_end_that_says_who_measures_and_what_to_do(tmp_path: Path) -> None:
    with holding(tmp_path, 600) as other:
        began = time.monotonic()
        said = rf"cpu was not free within device_wait_s=0\.2: process {other.pid} .*raise device_wait_s"
        with pytest.raises(MeasurementError, match=said), device_alone("cpu", "mine", 0.2, print, tmp_path):
            pytest.fail("measured beside another process")
        assert time.monotonic() - began < 5
        other.kill()


def test_a_killed_holder_leaves_the_device_free(tmp_path: Path) -> None:
    with holding(tmp_path, 600) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        with device_alone("cpu", "mine", 0, print, tmp_path) as waited_s:
            assert waited_s < 1


def test_devices_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with device_alone("cuda:0", "one", 0, print, tmp_path), device_alone("cuda:1", "two", 0, print, tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == ["ace-device-cuda-0.lock", "ace-device-cuda-1.lock"]


def test_other_users_can_open_the_lock_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with device_alone("cpu", "mine", 0, print, tmp_path):
            assert (tmp_path / "ace-device-cpu.lock").stat().st_mode & 0o777 == 0o666
    finally:
        os.umask(before)


def test_a_link_in_place_of_the_lock_is_refused_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("notes")
    (tmp_path / "ace-device-cpu.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(MeasurementError, match="cannot be opened"), device_alone("cpu", "mine", 0, print, tmp_path):
        pytest.fail("followed a link")
    assert (tmp_path / "precious").read_text() == "notes"
