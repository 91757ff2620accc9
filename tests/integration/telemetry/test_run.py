"""From the command line to the decision: what is chosen, measured and refused lies in record, run, bundle and memo."""

import ctypes
import json
import math
from pathlib import Path

import pytest

from ace.domain.energy import Grade
from ace.tracking.reader import read_evidence
from ace.tracking.store import open_existing_store
from tests.integration.telemetry.board import compiled

FEW = (
    "protocol=quick", "protocol.rounds=4", "split.examples=100", "inputs.rivals=null", "executor.rivals=null",
    "model=minilm_l3",
)  # fmt: skip
SENSOR = "base=150 amp=40 work_period=0.37 period=0.02 gain=1.03 offset=5"


def run_of(folder):
    """The first run of the cell as MLflow has it, and the record in it: so short a run may be measured once more."""
    store = open_existing_store(None, folder / "mlruns")
    cell, *_ = read_evidence(store, "token_pruning").cells
    return store.client.get_run(cell.run_id).data, cell.record


@pytest.mark.slow
def test_without_a_source_each_says_why_not_and_a_claim_of_speed_does_not_ask(
    tmp_path, launch, decide, user_environment, monkeypatch
):
    (tmp_path / "libnvidia-ml.so.1").write_text("no library\n")  # so that it is the same on a machine with a board
    monkeypatch.setitem(user_environment, "LD_LIBRARY_PATH", str(tmp_path))
    done = launch(*FEW, "protocol.sessions=2", "telemetry=nvml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "energy NO_EVIDENCE" in done.stdout
    data, record = run_of(tmp_path)
    reasons = {t.source: t.reason for choice in record.energy_sources for t in choice.tried}
    assert set(reasons) == {"nvml_counter", "nvml_power"}
    assert data.tags["ace.energy_grade"] == "NO_EVIDENCE"
    assert all(f"{source}: {reason}" in data.tags["ace.energy_tried"] for source, reason in reasons.items())
    assert not [name for name in data.metrics if name.startswith("energy")]
    assert {session.energy for session in record.sessions} == {None}
    judged = json.loads(decide("--experiment", "token_pruning", "--json").stdout)
    [energy] = [gate for gate in judged["gates"] if gate["evidence"].startswith("energy:")]
    assert energy["outcome"] == "NOT_APPLICABLE"
    said = judged["claims"]["energy"]["reasons"][0]
    assert said.startswith("NO_EVIDENCE")
    assert all(f"{source}: {reason}" in said for source, reason in reasons.items())


@pytest.mark.slow
def test_a_declared_power_is_called_simulated_everywhere_and_never_claimed(
    tmp_path, launch, decide, user_environment, monkeypatch
):
    monkeypatch.setitem(user_environment, "ACE_DIRECT_POWER_WATTS", "185")
    done = launch(*FEW, "protocol.sessions=2", "experiment.scopes=[speed,energy,ecd]")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(override, simulated)" in done.stdout
    data, record = run_of(tmp_path)
    assert record.energy_sources[0].grade is Grade.OVERRIDE
    for session in record.sessions:
        for window in session.energy.windows:
            assert window.power_w == pytest.approx(185)
            assert len(window.series.values) > 10
    assert data.tags["ace.energy_simulated"] == "true"
    named = {name for name in data.metrics if name.startswith("energy")}
    assert named
    assert {name.partition("/")[0] for name in named} == {"energy_simulated"}
    assert all("simulated" in json.loads(data.tags["ace.provenance"])[name] for name in named)
    judged = json.loads(decide("--experiment", "token_pruning", "--json").stdout)
    assert judged["cells"][0]["energy"]["simulated"] is True
    for scope in ("energy", "ecd"):
        assert judged["claims"][scope]["verdict"] in ("EXPLORATORY", "INCONCLUSIVE")
        assert f"{scope} refused: OVERRIDE is simulated" in judged["claims"][scope]["reasons"][0]
    bundle = tmp_path / "decisions" / "token_pruning"
    assert "OVERRIDE, simulated" in (bundle / "memo.md").read_text()
    page = (bundle / "report.html").read_text()
    assert "Energy (SIMULATED" in page
    assert "energy, SIMULATED: development" in page  # the plot
    assert json.loads((bundle / "energy.json").read_text())["simulated"] is True


@pytest.mark.slow
@pytest.mark.steady
def test_through_the_boards_own_library_the_joules_are_the_boards_and_no_claim_about_the_processor(
    tmp_path, launch, decide, user_environment, monkeypatch
):
    library = compiled(tmp_path / "libnvidia-ml.so.1")
    monkeypatch.setitem(user_environment, "LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.setitem(user_environment, "FAKE_NVML", SENSOR)
    done = launch(*FEW, "protocol.sessions=2", "experiment.scopes=[speed,energy]", "telemetry.relative_error=0.05")
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.setenv("FAKE_NVML", SENSOR)
    fake = ctypes.CDLL(library)
    fake.nvmlInitWithFlags(0)
    fake.fake_true_between.restype = ctypes.c_double
    _, record = run_of(tmp_path)
    assert (record.energy_sources[0].source, record.energy_sources[0].grade) == ("nvml_counter", Grade.DEVICE_COUNTER)
    windows = [window for session in record.sessions for window in session.energy.windows]
    assert len(windows) == 6  # baseline, null and candidate, twice
    for window in windows:
        start_s, end_s = window.start_s, window.start_s + window.work_s
        true_j = fake.fake_true_between(0, ctypes.c_double(start_s), ctypes.c_double(end_s))
        assert abs(window.energy_j - true_j) < 1.96 * window.budget.relative * window.energy_j
        sensed_j = 1.03 * true_j + 5 * window.work_s  # what is left of the error once the sensor's own is known
        ripple = 40 * 0.37 / 2 / sensed_j  # half a period of its wave at an edge
        assert abs(window.energy_j - sensed_j) < (4 * window.budget.random + ripple) * sensed_j
    judged = json.loads(decide("--experiment", "token_pruning", "--json").stdout)
    found = judged["cells"][0]["energy"]
    assert (found["grade"], found["simulated"]) == ("DEVICE_COUNTER", False)
    assert math.isfinite(found["idle_w"])
    refused, *others = judged["claims"]["energy"]["reasons"]
    assert "the work is done on the host" in refused
    # an honest record contradicts nothing of itself; its null arm may be off by chance, with two sessions
    invalidating = others if judged["claims"]["energy"]["verdict"] == "INVALID" else []
    assert {reason.partition(" ")[0] for reason in invalidating} <= {"instrument"}
    for session in record.sessions:
        assert {check.arm for check in session.energy_checks} == {"baseline", "null", "candidate"}
        for check in session.energy_checks:
            assert max(check.recomputed_error, check.scored_error or 0.0) < 1e-3
        assert [c.scored_error is None for c in session.energy_checks if c.arm == "candidate"] == [False]
    package = json.loads(Path(tmp_path / "decisions" / "token_pruning" / "energy.json").read_text())
    shown = package["cells"][0]["measurements"][0]["sessions"][0]["windows"][0]
    assert {part["name"] for part in shown["budget"]["components"]} == {"gain", "offset", "drift", "edges"}
    assert shown["raw_series"]["readings"] > 100
    assert "ace-doctor" in package["better_source"]["run_there"]
