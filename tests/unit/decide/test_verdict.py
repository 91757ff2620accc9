import pytest

from ace.decide.gates import REQUIRED
from ace.decide.scopes import LESS_MEMORY, POWER
from ace.decide.verdict import COSTLY, FRUITLESS, HARMFUL, INVALIDATING, MAY_NOT_APPLY, Standing, verdict_of
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.verdict import Verdict

SEALED = Standing(
    registered=True, holdout_opened=True, calibration=False, lost_everywhere=False, nothing_left=False, claims_grid=True
)

REQUIRED_BESIDE = {name for scope in (LESS_MEMORY, *POWER.values()) for name, _ in scope.gates}


def trace(**outcomes):
    """All gates pass but those named."""
    return [
        Finding(name, outcomes.get(name, Outcome.PASS), Severity.GATE, None, "seen", "wanted", "do this")
        for name in dict.fromkeys((*REQUIRED, *outcomes))
    ]


def rule(name, outcome, severity=Severity.BLOCK):
    return Finding(name, outcome, severity, "development 64x1", "seen", "wanted", "do this")


def standing(**changes):
    return Standing(**{field: getattr(SEALED, field) for field in Standing.__slots__} | changes)


def test_all_pass_on_the_whole_grid_is_accepted():
    assert verdict_of(trace(), (), REQUIRED, SEALED)[0] is Verdict.ACCEPTED


def test_all_pass_on_part_of_the_grid_is_an_envelope():
    assert verdict_of(trace(), (), REQUIRED, standing(claims_grid=False))[0] is Verdict.ACCEPTED_WITHIN_ENVELOPE


def test_every_required_gate_has_a_verdict_when_it_fails():
    assert set(INVALIDATING) | set(HARMFUL) | set(FRUITLESS) | set(COSTLY) == set(REQUIRED) | REQUIRED_BESIDE


@pytest.mark.parametrize(
    ("names", "verdict"),
    [
        (INVALIDATING, Verdict.INVALID),
        (HARMFUL, Verdict.REJECTED_HARM),
        (FRUITLESS, Verdict.REJECTED_NO_GAIN),
        (COSTLY, Verdict.PROMISING_BUT_COMPLEX),
    ],
)
def test_one_failing_gate_is_enough_and_is_named_in_the_reasons(names, verdict):
    for name in names:
        found, reasons = verdict_of(trace(**{name: Outcome.FAIL}), (), REQUIRED, SEALED)
        assert found is verdict
        assert reasons == (f"{name}: seen -> do this",)


@pytest.mark.parametrize("missing", [Outcome.NO_EVIDENCE, Outcome.NOT_APPLICABLE])
def test_anything_required_that_is_missing_is_inconclusive_and_names_the_step(missing):
    for name in REQUIRED:
        found, reasons = verdict_of(trace(**{name: missing}), (), REQUIRED, SEALED)
        if name in MAY_NOT_APPLY and missing is Outcome.NOT_APPLICABLE:
            assert found is Verdict.ACCEPTED
            continue
        assert found is Verdict.INCONCLUSIVE
        assert "do this" in reasons[0]


def test_a_gate_that_never_answered_is_missing():
    gates = [f for f in trace() if f.name != "gain"]
    assert verdict_of(gates, (), REQUIRED, SEALED) == (Verdict.INCONCLUSIVE, ("gain: did not answer",))


def test_an_open_block_invalidates_and_lesser_doubts_do_not():
    assert verdict_of(trace(), [rule("mechanism absent", Outcome.FAIL)], REQUIRED, SEALED)[0] is Verdict.INVALID
    for severity in (Severity.WARN, Severity.DOWNGRADE):
        doubts = [rule("drift", Outcome.FAIL, severity)]
        assert verdict_of(trace(), doubts, REQUIRED, SEALED)[0] is Verdict.ACCEPTED


def test_a_blocking_rule_that_could_not_look_keeps_from_acceptance():
    doubts = [rule("timed is not scored", Outcome.NO_EVIDENCE)]
    assert verdict_of(trace(), doubts, REQUIRED, SEALED)[0] is Verdict.INCONCLUSIVE


def test_a_rule_without_a_test_does_not_keep_an_honest_claim_from_acceptance():
    assert verdict_of(trace(), [rule("sham wins", Outcome.NO_EVIDENCE)], REQUIRED, SEALED)[0] is Verdict.ACCEPTED


def test_unregistered_or_planted_is_exploratory_at_best():
    for change in ({"registered": False}, {"holdout_opened": False}, {"calibration": True}):
        assert verdict_of(trace(), (), REQUIRED, standing(**change))[0] is Verdict.EXPLORATORY


def test_loss_everywhere_is_harm_and_nothing_left_is_no_gain():
    assert verdict_of(trace(), (), REQUIRED, standing(lost_everywhere=True))[0] is Verdict.REJECTED_HARM
    assert verdict_of(trace(), (), REQUIRED, standing(nothing_left=True))[0] is Verdict.REJECTED_NO_GAIN


def test_gates_that_wait_for_the_same_step_share_a_reason():
    gates = trace(guardrails=Outcome.NO_EVIDENCE, fairness=Outcome.NO_EVIDENCE)
    assert verdict_of(gates, (), REQUIRED, SEALED)[1] == ("guardrails, fairness: do this",)
