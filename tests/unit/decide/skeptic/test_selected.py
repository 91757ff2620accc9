import numpy as np
import pytest

from ace.decide.skeptic.selected import selected
from ace.domain.finding import Outcome, Severity
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, laid_out

POLICY = b.near_term()


def answer(gains, offset_sd=0.005, split="development"):
    cells = [
        b.stored(b.record(gain, of=b.plan(batch=i + 1, split=split), seed=i, offset_sd=offset_sd))
        for i, gain in enumerate(gains)
    ]
    [found] = selected(laid_out(*cells).cells, POLICY)
    assert found.severity is Severity.WARN
    return found


def test_a_gain_that_every_cell_has_is_not_luck():
    assert answer([0.11, 0.12, 0.13, 0.12]).outcome is Outcome.PASS


def test_the_largest_of_many_noisy_gains_of_nothing_warns():
    found = answer([0.0] * 12, offset_sd=0.08)
    assert found.outcome is Outcome.FAIL
    assert "of 12 cells" in found.evidence
    assert found.next_step


def test_one_cell_leaves_nothing_to_choose_and_small_gains_claim_nothing():
    assert answer([GAIN]).outcome is Outcome.NOT_APPLICABLE
    assert answer([-0.1, -0.2]).outcome is Outcome.NOT_APPLICABLE


def test_no_cell_of_development_is_no_evidence():
    assert answer([GAIN], split="validation").outcome is Outcome.NO_EVIDENCE


@pytest.mark.parametrize("seed", range(3))
def test_real_differences_between_cells_are_no_selection(seed):
    gains = np.random.default_rng(seed).uniform(0.05, 0.3, 6)
    assert answer(gains.tolist()).outcome is Outcome.PASS
