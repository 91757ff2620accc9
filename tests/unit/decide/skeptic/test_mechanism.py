from dataclasses import replace

import pytest

from ace.decide.skeptic.mechanism import mechanism_absent, too_good
from ace.domain.finding import Outcome, Severity
from ace.domain.session import CANDIDATE
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, each_session, only_cell

POLICY = b.near_term()
FULL, PRUNED = (64,) * 6, (64, 44, 44, 31, 31, 31)


@pytest.mark.parametrize(
    ("declared", "seen", "outcome"),
    [
        (PRUNED, PRUNED, Outcome.PASS),
        (PRUNED, (64, 45, 45, 32, 32, 32), Outcome.PASS),  # rounding
        (PRUNED, (64, 44, 44, 1, 1, 1), Outcome.PASS),  # fewer than declared: quality judges that
        (PRUNED, FULL, Outcome.FAIL),  # masking is not dropping
        (PRUNED, (64, 44, 44, 31, 31, 64), Outcome.FAIL),
        (PRUNED, (64, 44, 44), Outcome.FAIL),
        (None, FULL, Outcome.NOT_APPLICABLE),
    ],
)
def test_declared_work_must_be_seen_to_be_gone(declared, seen, outcome):
    found = mechanism_absent(only_cell(b.record(GAIN, declared=declared, tokens=seen)), POLICY)
    assert (found.outcome, found.severity) == (outcome, Severity.BLOCK)


def unseen(session):
    hidden = tuple(replace(w, tokens_per_layer=None, flops_by_dtype=None) for w in session.witness)
    return replace(session, witness=hidden)


def test_declared_work_in_layers_that_hooks_cannot_see_fires():
    found = mechanism_absent(only_cell(each_session(b.record(GAIN), unseen)), POLICY)
    assert found.outcome is Outcome.FAIL
    assert "no layer seen" in found.evidence


def test_one_session_that_masks_is_enough():
    made = b.record(GAIN)
    masked = b.record(GAIN, tokens=FULL).sessions[3]
    found = mechanism_absent(
        only_cell(replace(made, sessions=(*made.sessions[:3], masked, *made.sessions[4:]))), POLICY
    )
    assert found.evidence.startswith("1 of 10 sessions; session 3")


def worked(arm=CANDIDATE, **work):
    """Another witness of one arm's work."""

    def change(session):
        return replace(session, witness=tuple(replace(w, **work) if w.arm == arm else w for w in session.witness))

    return change


def test_no_session_is_no_evidence():
    assert mechanism_absent(only_cell(replace(b.record(), sessions=())), POLICY).outcome is Outcome.NO_EVIDENCE
    assert too_good(only_cell(replace(b.record(), sessions=())), POLICY).outcome is Outcome.NO_EVIDENCE


def test_a_gain_beyond_the_work_removed_is_too_good():
    # the builder's witness saw work fall to 70 %: at most 1.1 / .7 = 1.57 times faster
    assert too_good(only_cell(b.record(0.40)), POLICY).outcome is Outcome.PASS
    found = too_good(only_cell(b.record(0.60)), POLICY)
    assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.BLOCK)


def test_without_a_declared_reduction_there_is_none_to_hold_the_gain_against():
    found = too_good(only_cell(b.record(2.0, declared=None)), POLICY)
    assert found.outcome is Outcome.NOT_APPLICABLE


def test_uncounted_flops_are_no_evidence():
    uncounted = each_session(b.record(GAIN), worked(flops_by_dtype=None))
    assert too_good(only_cell(uncounted), POLICY).outcome is Outcome.NO_EVIDENCE
