"""What a machine can see, judged where the truth is known."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ace.decide.calibration import calibrate, permuted_claims
from ace.domain.plan import ExecutorSpec
from ace.domain.record import CellRecord
from ace.domain.session import BASELINE
from ace.errors import EvidenceError
from ace.report.calibration import calibration_lines, calibration_metrics
from tests.unit.decide import builders as b


def planted(share: float, gain: float) -> CellRecord:
    spec = ExecutorSpec("ace.executors.planted.Planted", (("arm", BASELINE), ("share", share)))
    return replace(b.record(gain, of=replace(b.plan(), executor=spec), seed=3), planted=BASELINE)


def test_what_is_planted_is_found_at_its_size_and_nothing_in_nothing():
    made = calibrate([b.record(0.0, seed=1), planted(0.03, math.log1p(0.03))], b.near_term())
    [shape] = made.shapes
    assert shape.bias.found
    assert [effect.found for effect in shape.effects] == [True]
    needed = {round(math.expm1(n.effect), 2): n.sessions for n in shape.needed}
    assert needed[0.01] is None  # within the margin
    assert needed[0.02] >= needed[0.03] >= needed[0.05]


def test_an_effect_that_is_half_of_what_was_planted_is_said_to_be_missed():
    made = calibrate([b.record(0.0, seed=1), planted(0.10, 0.05)], b.near_term())
    assert [effect.found for effect in made.shapes[0].effects] == [False]
    assert any("NOT found at its size" in line for line in calibration_lines(made))


def test_relabelling_claims_about_alpha_where_sessions_are_sound():
    rates = [permuted_claims(np.random.default_rng(seed).normal(0, 0.005, 10), 0.0, 0.05) for seed in range(40)]
    assert np.mean(rates) == pytest.approx(0.05, abs=0.015)


def test_the_margin_leaves_hardly_any_relabelling_with_a_claim():
    assert permuted_claims(np.random.default_rng(0).normal(0, 0.005, 10), 0.01, 0.05) <= 0.01


def test_too_few_sessions_are_not_permuted():
    assert permuted_claims(np.zeros(5), 0.0, 0.05) is None


def test_without_a_session_or_a_null_cell_there_is_nothing_to_say():
    with pytest.raises(EvidenceError, match="no session"):
        calibrate([replace(b.record(), sessions=())], b.near_term())
    with pytest.raises(EvidenceError, match="without planted work"):
        calibrate([planted(0.03, 0.03)], b.near_term())


def test_the_words_and_the_metrics_name_the_smallest_effect_that_can_be_seen():
    made = calibrate([b.record(0.0, seed=1)], b.near_term())
    assert any("cannot see effects under" in line for line in calibration_lines(made))
    assert set(calibration_metrics(made)) == {"bias/64x1_log", "visible/64x1_log", "permuted/64x1"}
