from dataclasses import replace

import pytest

from ace.decide.gates.benefit import gain, validation
from ace.decide.gates.quality import quality
from ace.domain.finding import Outcome
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, laid_out, outcomes

POLICY = b.near_term()


def table(*records, policy=None):
    return laid_out(*(b.stored(r, run_id=f"run-{i}") for i, r in enumerate(records)), policy=policy)


def on(split, true_gain=GAIN, difference=0.0, seq_len=64, **changes):
    return b.honest(true_gain, b.plan(seq_len=seq_len, split=split), difference=difference, **changes)


def test_a_gain_bounded_above_delta_passes():
    [found] = gain(table(on("development")), POLICY)
    assert (found.outcome, found.cell) == (Outcome.PASS, "development 64x1")


def test_no_gain_anywhere_fails_once_every_cell_is_bounded_below_delta():
    [found] = gain(table(on("development", 0.0), on("development", 0.0, seq_len=128)), POLICY)
    assert found.outcome is Outcome.FAIL
    assert "2 of 2" in found.evidence


def test_one_cell_that_cannot_be_told_keeps_the_gain_open_and_is_named():
    [found] = gain(table(on("development", 0.0), on("development", 0.0, seq_len=128, offset_sd=0.2)), POLICY)
    assert found.outcome is Outcome.NO_EVIDENCE
    assert "seq_len=128" in found.next_step
    assert "seq_len=64" not in found.next_step


def test_too_few_sessions_and_no_development_cell_are_no_evidence():
    few = b.honest(0.0, b.plan(sessions=5))
    assert outcomes(gain(table(few), POLICY)) == {Outcome.NO_EVIDENCE}
    assert outcomes(gain(table(on("validation")), POLICY)) == {Outcome.NO_EVIDENCE}


def test_quality_passes_fails_or_says_what_would_settle_it():
    assert outcomes(quality(table(on("development", difference=-0.007)), POLICY)) == {Outcome.PASS}
    bad = replace(on("development"), quality=b.scored(-0.1, changed=0.1))
    assert outcomes(quality(table(bad), POLICY)) == {Outcome.FAIL}
    few = replace(on("development"), quality=b.scored(0.0, n=300))
    [found] = quality(table(few), POLICY)
    assert found.outcome is Outcome.NO_EVIDENCE
    assert "split.examples=1000" in found.next_step


def test_a_model_without_a_meaning_has_no_quality_and_says_so():
    unscored = replace(on("development"), quality=None, quality_reason="random weights")
    [found] = quality(table(unscored), POLICY)
    assert (found.outcome, found.evidence) == (Outcome.NO_EVIDENCE, "not scored: random weights")


def test_a_gain_that_carries_over_validates():
    [found] = validation(table(on("development"), on("validation")), POLICY)
    assert (found.outcome, found.cell) == (Outcome.PASS, "validation 64x1")


@pytest.mark.parametrize(
    "worse", [on("validation", -0.05), replace(on("validation"), quality=b.scored(-0.1, changed=0.1))]
)
def test_a_gain_or_a_quality_that_does_not_carry_over_fails(worse):
    assert outcomes(validation(table(on("development"), worse), POLICY)) == {Outcome.FAIL}


def test_a_claimed_cell_that_was_not_validated_names_the_command():
    [found] = validation(table(on("development")), POLICY)
    assert found.outcome is Outcome.NO_EVIDENCE
    assert found.next_step.startswith("python launch.py ")
    assert "split=validation" in found.next_step


def test_an_unsteady_or_short_validation_is_no_evidence():
    short = b.honest(GAIN, b.plan(split="validation", sessions=4))
    assert outcomes(validation(table(on("development"), short), POLICY)) == {Outcome.NO_EVIDENCE}
    vague = on("validation", 0.05, offset_sd=0.1)
    assert outcomes(validation(table(on("development"), vague), POLICY)) == {Outcome.NO_EVIDENCE}


def test_nothing_claimed_leaves_nothing_to_validate():
    assert outcomes(validation(table(on("development", 0.0)), POLICY)) == {Outcome.NO_EVIDENCE}


def test_a_cell_that_was_slower_by_other_code_is_not_sent_to_measure_the_same_again():
    slower, faster = on("development", -0.1), on("development")
    faster = replace(faster, code=replace(faster.code, package_digest="f" * 64), started_at=faster.started_at + 1e6)
    [found] = gain(table(slower, faster), POLICY)
    assert found.outcome is Outcome.NO_EVIDENCE
    assert "measured otherwise it is slower" in found.evidence
    assert "experiment.name of its own" in found.next_step
    assert "launch.py" not in found.next_step
