"""From the command line to the decision: windows, choice and raw series lie in the record, and nothing is claimed."""

import json
from pathlib import Path

import pytest

from ace.domain.energy import Grade
from ace.tracking.reader import read_evidence
from ace.tracking.store import open_existing_store


@pytest.mark.slow
def test_a_run_records_both_windows_and_a_simulated_energy_is_never_claimed(
    tmp_path, launch, decide, user_environment, monkeypatch
):
    monkeypatch.setitem(user_environment, "ACE_DIRECT_POWER_WATTS", "100")
    few = ("protocol=quick", "protocol.sessions=2", "protocol.rounds=4", "split.examples=100", "inputs.rivals=null")
    done = launch(*few, "executor.rivals=null", "model=minilm_l3", "telemetry=auto")
    assert done.returncode == 0, done.stdout + done.stderr
    cell, *_ = read_evidence(open_existing_store(None, tmp_path / "mlruns"), "token_pruning").cells
    device, host = cell.record.energy_sources
    assert (device.grade, device.simulated) == (Grade.OVERRIDE, True)
    assert "other device" in {refusal.reason for refusal in device.tried}
    assert Path("/sys/class/powercap").is_dir() or host.tried[0].reason == "not supported"
    for session in cell.record.sessions:
        for arm in ("baseline", "candidate"):
            window = session.energy.window(arm, "override")
            assert window.power_w == pytest.approx(100)
            assert len(window.series.values) > 10
    judged = json.loads(decide("--experiment", "token_pruning", "--json").stdout)
    assert judged["cells"][0]["energy"]["simulated"] is (host.source is None)
    assert judged["claims"]["energy"]["verdict"] == "INCONCLUSIVE"
