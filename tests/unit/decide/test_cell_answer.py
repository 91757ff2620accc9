from dataclasses import replace

import pytest

from ace.decide.cell_answer import answer_line, summary_metrics
from ace.domain.record import Failure
from tests.unit.decide import builders as b
from tests.unit.decide.powered import BOARD, CONSTANT, powered
from tests.unit.decide.skeptic.test_mechanism import worked
from tests.unit.decide.table import GAIN, each_session
from tests.unit.decide.test_energy import NOTHING

POLICY = b.near_term()


def test_the_line_says_shape_split_answer_gain_and_quality():
    made = replace(b.record(GAIN, seed=1), quality=b.scored(-0.007))
    line = answer_line(made, POLICY)
    assert line.startswith("64x1 development: faster +1")
    assert line.endswith("quality -0.7 points [-2.2, +0.8]")


def test_metrics_are_named_for_the_store_and_each_has_a_provenance():
    metrics, provenance = summary_metrics(b.record(GAIN), POLICY)
    assert set(metrics) == set(provenance)
    assert {
        "latency/baseline_s",
        "latency/null_s",
        "latency/candidate_s",
        "roofline/baseline_fraction",
        "roofline/candidate_fraction",
        "gain/candidate_log",
        "gain/low_log",
        "gain/high_log",
        "null/gain_log",
        "null/half_width_log",
        "quality/difference",
    } <= set(metrics)
    assert provenance["latency/baseline_s"] == "MEASURED"
    assert provenance["gain/candidate_log"] == "DERIVED"
    # 1 GFLOP in 25 ms, on a machine that does it in 4
    assert metrics["roofline/baseline_fraction"] == pytest.approx(0.16, abs=0.01)
    assert provenance["roofline/baseline_fraction"] == "DERIVED"


def test_an_arm_whose_work_or_peak_is_not_known_has_no_share_of_the_roofline():
    for made in (replace(b.record(GAIN), peak=None), each_session(b.record(GAIN), worked(flops_by_dtype=None))):
        assert "roofline/candidate_fraction" not in summary_metrics(made, POLICY)[0]


def test_what_was_not_measured_has_no_metric_and_never_a_zero():
    made = replace(
        b.record(loss=None), sessions=(), failures=(Failure(None, "prepare", "raised", "candidate", "boom"),)
    )
    metrics, _ = summary_metrics(made, POLICY)
    assert metrics == {"sessions/measured": 0.0, "sessions/failed": 1.0}
    assert answer_line(made, POLICY) == (
        "64x1 development: inconclusive not measured (0 sessions; 6 needed), quality not scored (not scored)"
    )


def test_one_session_gives_a_gain_without_an_interval():
    made = b.record(GAIN, sessions=1)
    assert "gain/low_log" not in summary_metrics(made, POLICY)[0]
    assert "[no interval]" in answer_line(made, POLICY)


def test_joules_that_nobody_measured_have_a_group_of_their_own_and_a_provenance_that_says_so():
    metrics, provenance = summary_metrics(powered(CONSTANT)(b.record(GAIN)), POLICY)
    named = [name for name in metrics if name.startswith("energy")]
    assert {name.partition("/")[0] for name in named} == {"energy_simulated"}
    assert {provenance[name] for name in named} == {"OVERRIDE, simulated"}
    assert "energy_simulated/idle_w" not in metrics


def test_measured_joules_carry_their_grade_and_idle_power_stands_beside_them():
    metrics, provenance = summary_metrics(powered(BOARD)(b.record(GAIN)), POLICY)
    assert metrics["energy/baseline_j_per_item"] == pytest.approx(0.2, rel=0.01)
    assert metrics["energy/idle_w"] == pytest.approx(31)
    assert provenance["energy/gain_log"] == "DEVICE_COUNTER"


def test_the_line_says_of_energy_what_is_known_or_why_nothing_is():
    made = b.record(GAIN)
    assert "energy" not in answer_line(made, POLICY)
    assert "energy NO_EVIDENCE: no energy source was read (rapl: no permission)" in answer_line(
        replace(made, energy_sources=(NOTHING,)), POLICY
    )
    assert answer_line(powered(CONSTANT)(made), POLICY).endswith("(override, simulated)")
