from dataclasses import replace

import pytest

from ace.decide.gates.parity import parity
from ace.domain.finding import Outcome
from ace.domain.session import CANDIDATE
from tests.unit.decide import builders as b
from tests.unit.decide.table import each_session, laid_out, outcomes, the_fail

POLICY = b.near_term()


def ask(record):
    return list(parity(laid_out(b.stored(record)), POLICY))


def candidate_state(**changes):
    def change(session):
        arms = tuple(replace(a, **changes) if a.arm == CANDIDATE else a for a in session.arms)
        return replace(session, arms=arms)

    return each_session(b.record(), change)


def test_equal_arms_pass_and_the_clock_does_not_apply():
    found = ask(b.record())
    assert outcomes(found) == {Outcome.PASS}
    assert any(f.outcome is Outcome.NOT_APPLICABLE and "clock" in f.evidence for f in found)


def test_more_parameters_are_no_difference_between_arms():
    assert outcomes(ask(candidate_state(parameters=1))) == {Outcome.PASS}


def test_a_candidate_on_more_threads_fails():
    assert "candidate 4" in the_fail(ask(candidate_state(threads_before=4, threads_after=4))).evidence


def test_an_arm_that_changes_the_threads_fails_even_when_all_arms_do():
    def change(session):
        return replace(session, arms=tuple(replace(a, threads_after=4) for a in session.arms))

    assert "threads" in the_fail(ask(each_session(b.record(), change))).evidence


def test_a_candidate_in_another_dtype_fails():
    assert "candidate bfloat16" in the_fail(ask(candidate_state(dtypes=("bfloat16",)))).evidence


def test_a_candidate_on_another_attention_kernel_fails():
    assert "candidate math" in the_fail(ask(candidate_state(attention_backends=("math",)))).evidence


def test_attention_that_dispatch_cannot_follow_does_not_apply():
    def compiled(session):
        return replace(session, witness=tuple(replace(w, flops_by_dtype=None) for w in session.witness))

    made = each_session(candidate_state(attention_backends=()), compiled)
    assert outcomes(ask(made)) == {Outcome.PASS}


def test_blocked_order_fails():
    def blocked(session):
        return replace(session, order=(session.order[0],) * len(session.order))

    assert "mirrored" in the_fail(ask(each_session(b.record(), blocked))).evidence


def test_no_session_is_no_evidence():
    assert outcomes(ask(replace(b.record(), sessions=()))) == {Outcome.NO_EVIDENCE}


@pytest.mark.parametrize(("declared", "expected"), [(("dtype",), Outcome.PASS), ((), Outcome.FAIL)])
def test_another_dtype_is_parity_only_where_the_idea_declares_it(declared, expected):
    def quantised(session):
        arms = tuple(replace(a, dtypes=("qint8",)) if a.arm == CANDIDATE else a for a in session.arms)
        return replace(session, arms=arms, declared_changes=declared)

    found = parity(laid_out(b.stored(each_session(b.record(), quantised))), POLICY)
    assert next(f.outcome for f in found if f.evidence.startswith("dtype")) is expected


def test_a_declared_dtype_excuses_no_baseline_that_differs_from_its_null():
    def odd(session):
        arms = tuple(replace(a, dtypes=("float64",)) if a.arm == "null" else a for a in session.arms)
        return replace(session, arms=arms, declared_changes=("dtype",))

    found = parity(laid_out(b.stored(each_session(b.record(), odd))), POLICY)
    assert next(f.outcome for f in found if f.evidence.startswith("dtype")) is Outcome.FAIL


def on_a_board(baseline, candidate, changes=()):
    """Graphs replayed in a call of each arm, on a stand-in for a CUDA board."""

    def change(session):
        arms = tuple(replace(a, cuda_graphs=candidate if a.arm == CANDIDATE else baseline) for a in session.arms)
        where = replace(session.environment, device="cuda:0")
        return replace(session, arms=arms, environment=where, declared_changes=changes)

    found = ask(each_session(b.record(), change))
    return next(f for f in found if f.evidence.startswith("CUDA graphs"))


@pytest.mark.parametrize(
    ("baseline", "candidate", "outcome"),
    [(0, 0, Outcome.PASS), (1, 3, Outcome.PASS), (0, 1, Outcome.FAIL), (1, 0, Outcome.FAIL)],
)
def test_cuda_graphs_are_in_all_arms_or_in_none(baseline, candidate, outcome):
    assert on_a_board(baseline, candidate).outcome is outcome


def test_no_declaration_allows_graphs_to_the_candidate_alone():
    assert on_a_board(0, 1, ("kernels", "compiled")).outcome is Outcome.FAIL


def test_graphs_that_nobody_looked_for_on_a_board_are_no_evidence_and_do_not_apply_to_a_processor():
    assert on_a_board(None, None).outcome is Outcome.NO_EVIDENCE
    [found] = [f for f in ask(b.record()) if f.evidence.startswith("CUDA graphs")]
    assert found.outcome is Outcome.NOT_APPLICABLE
