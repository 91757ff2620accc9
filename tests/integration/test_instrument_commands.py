"""ace-import, ace-calibrate, ace-doctor and protocol=sequential, as a user runs them."""

import json
import subprocess
from pathlib import Path

import pytest

from ace.tracking.declared import latest_calibration
from ace.tracking.reader import read_evidence
from ace.tracking.store import open_existing_store
from tests.integration.conftest import REPOSITORY, Command

DATA = REPOSITORY / "tests" / "data"


def run(cwd: Path, environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900)


@pytest.mark.parametrize("tool", ["pyperf", "hyperfine"])
def test_a_file_of_another_tool_is_recorded_and_judged_with_the_reason_for_what_it_cannot_support(
    tool: str, tmp_path: Path, user_environment: dict[str, str], decide: Command
) -> None:
    done = run(tmp_path, user_environment, "ace-import", str(DATA / f"{tool}.json"), "--format", tool,
               "--experiment", "elsewhere")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "order blocked" in done.stdout
    judged = json.loads(decide("--experiment", "elsewhere", "--json").stdout)
    (cell,) = judged["cells"]
    assert cell["answer"] == "inconclusive"
    assert cell["provenance"]["latency"] == "IMPORTED"
    gain = [gate for gate in judged["gates"] if gate["name"] == "gain"]
    assert [gate["outcome"] for gate in gain] == ["NO_EVIDENCE"]
    assert "drift and candidate cannot be told apart" in gain[0]["evidence"]


def test_a_file_that_cannot_be_taken_is_one_line_exit_2_and_no_run(
    tmp_path: Path, user_environment: dict[str, str]
) -> None:
    (tmp_path / "times.csv").write_text("session,arm\n0,baseline\n")
    done = run(tmp_path, user_environment, "ace-import", "times.csv", "--format", "csv", "--experiment", "elsewhere")
    assert done.returncode == 2
    assert done.stderr.startswith("ace-import: the CSV lacks timing, seconds")
    assert not (tmp_path / "mlruns").exists()


def test_the_doctor_names_files_clocks_store_and_what_is_not_known_yet(
    tmp_path: Path, user_environment: dict[str, str]
) -> None:
    done = run(tmp_path, user_environment, "ace-doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "model.safetensors 53aa51172d142c89",
        "clocks: wall",
        "rapl (host): ",
        "nvml_counter (device): ",
        "none yet",
        "ace-calibrate",
    ):
        assert said in done.stdout


@pytest.mark.slow
@pytest.mark.steady
def test_a_calibration_finds_what_it_planted_and_the_doctor_shows_it(
    tmp_path: Path, user_environment: dict[str, str], decide: Command
) -> None:
    done = run(tmp_path, user_environment, "ace-calibrate", "seq_len=64", "batch=1", "protocol=quick",
               "split.examples=200", "--effects", "0.2")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    made = latest_calibration(open_existing_store(None, tmp_path / "mlruns"), "calibration")
    assert made is not None
    (shape,) = made.shapes
    assert [effect.found for effect in shape.effects] == [True]
    assert "planted +20.0 %" in run(tmp_path, user_environment, "ace-doctor").stdout
    judged = decide("--experiment", "calibration")
    assert judged.returncode == 0, judged.stderr


@pytest.mark.slow
@pytest.mark.steady
def test_a_sequential_cell_with_a_large_gain_stops_early_and_is_complete(
    launch: Command, decide: Command, tmp_path: Path
) -> None:
    few = ("split.examples=200", "inputs.rivals=null")
    done = launch(*few, "protocol=sequential", "seq_len=128", "executor.keep_ratio=0.3")
    assert done.returncode == 0, done.stdout + done.stderr
    cell, *_ = read_evidence(open_existing_store(None, tmp_path / "mlruns"), "token_pruning").cells
    assert cell.record is not None
    assert len(cell.record.sessions) == cell.record.looks[-1].sessions < 20
    judged = json.loads(decide("--experiment", "token_pruning", "--json").stdout)
    complete = {gate["outcome"] for gate in judged["gates"] if gate["name"] == "complete"}
    assert complete <= {"PASS", "NOT_APPLICABLE"}
    assert judged["cells"][0]["answer"] == "faster"
