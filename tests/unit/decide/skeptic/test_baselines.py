from ace.domain.finding import Outcome
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, laid_out


def drift(validation_s: float):
    cells = [b.honest(GAIN, b.plan()), b.honest(GAIN, b.plan(split="validation"), baseline_s=validation_s)]
    doubts = laid_out(*map(b.stored, cells)).doubts
    return [finding for finding in doubts if finding.name == "baseline drift"]


def test_a_baseline_that_takes_as_long_as_before_raises_no_doubt():
    assert [f.outcome for f in drift(0.025)] == [Outcome.PASS]


def test_a_baseline_that_got_slower_by_far_warns_and_the_first_measurement_is_held_against_nothing():
    (found,) = drift(0.032)
    assert (found.outcome, found.cell, found.severity.value) == (Outcome.FAIL, "validation 64x1", "warn")


def test_another_shape_is_another_baseline():
    cells = [b.honest(GAIN, b.plan()), b.honest(GAIN, b.plan(seq_len=128), baseline_s=0.05)]
    assert not [f for f in laid_out(*map(b.stored, cells)).doubts if f.name == "baseline drift"]
