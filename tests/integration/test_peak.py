"""The peak of the machine that runs the tests, measured for real in a worker of its own."""

from pathlib import Path

import pytest

from ace.domain.record import CellRecord
from ace.measure.code_state import code_state
from ace.measure.machine import machine_peak
from ace.measure.observe import observe
from ace.measure.watching import Silent
from ace.measure.workshop import Workshop
from ace.models.loading import model_digests
from ace.wiring import compose_config, plan_of

SMALL = ["seq_len=16", "split.examples=64", "protocol.sessions=2", "protocol.rounds=2", "protocol.warmup_rounds=1"]


def test_the_peak_of_this_machine_is_one_that_a_machine_can_have(tmp_path: Path) -> None:
    plan = plan_of(compose_config([*SMALL, "executor=identity"]))
    shop = Workshop(tmp_path / "attempt", tmp_path / "cache", 1, "test")
    made = machine_peak(plan, code_state(plan.executor, Path.cwd()), shop, Silent())
    assert made.reason is None
    assert made.threads == 1
    rates = dict(made.flops_per_s)
    assert 1e9 < (rates["float32"] or 0) < 1e13
    assert all(rate is None or 1e7 < rate < 1e14 for rate in rates.values())
    assert all(1e8 < rate < 1e13 for _, rate in made.bytes_per_s)


@pytest.mark.slow
def test_no_arm_of_a_real_cell_is_faster_than_the_machine(tmp_path: Path) -> None:
    plan = plan_of(compose_config([*SMALL, "executor=identity"]))
    shop = Workshop(tmp_path / "attempt", tmp_path / "cache", 2, "test")
    code, weights = code_state(plan.executor, Path.cwd()), model_digests(plan.model)
    record: CellRecord = observe(plan, "attempt", code, weights, shop, Silent())
    assert record.peak is not None
    rate = dict(record.peak.flops_per_s)["float32"] or 0.0
    for session in record.sessions:
        for seen in session.witness:
            assert seen.least_bytes is not None
            assert 40e6 < seen.least_bytes < 60e6  # float32 weights of six layers, and little else
            assert (seen.flops or 0) / min(session.wall_s(seen.arm)) < rate / 0.9
