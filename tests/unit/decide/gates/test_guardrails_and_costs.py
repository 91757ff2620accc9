"""What a faster median may not cost: the tail, memory, one-off work, parameters and packages."""

from dataclasses import replace

import numpy as np
import pytest

from ace.decide.gates.costs import complexity, overhead
from ace.decide.gates.guardrails import guardrails
from ace.domain.finding import Outcome
from ace.domain.record import MemoryUse
from ace.domain.session import BASELINE, CANDIDATE
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, each_session, laid_out, outcomes

POLICY = b.near_term()


def ask(gate, record):
    return list(gate(laid_out(b.stored(record)), POLICY))


def slow_tail(share, factor):
    rng = np.random.default_rng(1)

    def change(session):
        def spiked(timings):
            if timings.arm != CANDIDATE:
                return timings
            hit = rng.random(len(timings.wall_s)) < share
            return replace(
                timings, wall_s=tuple(t * (factor if h else 1.0) for t, h in zip(timings.wall_s, hit, strict=True))
            )

        return replace(session, timings=tuple(map(spiked, session.timings)))

    return each_session(b.record(GAIN), change)


def memory(candidate, baseline=200_000_000, reason=None):
    uses = (MemoryUse(BASELINE, baseline, None), MemoryUse(CANDIDATE, candidate, reason))
    return ask(guardrails, replace(b.record(GAIN), memory=uses))


def test_an_honest_gain_keeps_its_guardrails():
    assert outcomes(ask(guardrails, b.record(GAIN))) == {Outcome.PASS}


def test_a_fast_median_with_a_slow_tail_fails():
    assert Outcome.FAIL in outcomes(ask(guardrails, slow_tail(0.2, 1.6)))


def test_memory_beyond_its_margin_fails_and_within_it_passes():
    assert Outcome.FAIL in outcomes(memory(230_000_000))
    assert outcomes(memory(205_000_000)) == {Outcome.PASS}


def test_memory_that_was_not_measured_is_no_evidence_and_says_why():
    found = memory(None, reason="died at process: killed")
    assert Outcome.NO_EVIDENCE in outcomes(found)
    assert any("killed" in f.evidence for f in found)
    assert Outcome.NO_EVIDENCE in outcomes(ask(guardrails, replace(b.record(GAIN), memory=())))


def held(candidate, baseline=90_000_000):
    """Peaks on a stand-in for a board, under equal resident memory."""
    uses = (MemoryUse(BASELINE, 200, None, baseline), MemoryUse(CANDIDATE, 200, None, candidate))
    made = each_session(b.record(GAIN), lambda s: replace(s, environment=replace(s.environment, device="cuda")))
    return [f for f in ask(guardrails, replace(made, memory=uses)) if "of the board" in f.evidence]


@pytest.mark.parametrize(
    ("candidate", "outcome"), [(91_000_000, Outcome.PASS), (99_000_000, Outcome.FAIL), (None, Outcome.NO_EVIDENCE)]
)
def test_memory_of_the_board_has_the_margin_of_resident_memory(candidate, outcome):
    assert [f.outcome for f in held(candidate)] == [outcome]


def test_work_on_the_processor_holds_no_memory_of_a_board():
    assert not [f for f in ask(guardrails, b.record(GAIN)) if "of the board" in f.evidence]


@pytest.mark.parametrize(("prepare_s", "outcome"), [(0.1, Outcome.PASS), (30.0, Outcome.PASS), (5000.0, Outcome.FAIL)])
def test_one_off_costs_are_spread_over_the_horizon(prepare_s, outcome):
    # 1e6 calls of 22 ms: 5000 s add 20 % to each
    made = each_session(b.honest(GAIN, b.plan()), lambda s: replace(s, prepare_s=prepare_s))
    assert outcomes(ask(overhead, made)) == {outcome}


def test_the_dearest_preparation_counts_since_the_others_found_a_warm_cache():
    made = b.honest(GAIN, b.plan())
    cold = replace(made, sessions=(replace(made.sessions[0], prepare_s=5000.0), *made.sessions[1:]))
    assert outcomes(ask(overhead, cold)) == {Outcome.FAIL}
    examined_first = replace(made, first_prepare_s=5000.0)  # the examination compiled, all sessions found it done
    assert outcomes(ask(overhead, examined_first)) == {Outcome.FAIL}


def test_costs_cannot_eat_up_a_gain_that_nobody_claims():
    assert outcomes(ask(overhead, b.honest(-0.05, b.plan()))) == {Outcome.NO_EVIDENCE}


def test_without_a_session_costs_are_no_evidence():
    empty = replace(b.record(GAIN), sessions=(), memory=())
    for gate in (guardrails, overhead, complexity):
        assert outcomes(ask(gate, empty)) == {Outcome.NO_EVIDENCE}


def test_more_parameters_or_another_package_cost_more_than_the_policy_allows():
    def grown(session):
        arms = tuple(replace(a, parameters=23_000_000) if a.arm == CANDIDATE else a for a in session.arms)
        return replace(session, arms=arms)

    assert outcomes(ask(complexity, b.record(GAIN))) == {Outcome.PASS}
    assert outcomes(ask(complexity, each_session(b.record(GAIN), grown))) == {Outcome.FAIL}
    brought = each_session(b.record(GAIN), lambda s: replace(s, new_dependencies=("fasttransformer",)))
    [found] = ask(complexity, brought)
    assert (found.outcome, "fasttransformer" in found.evidence) == (Outcome.FAIL, True)


def test_a_tail_that_two_sessions_show_is_no_evidence():
    made = b.record(GAIN, of=b.plan(sessions=2), sessions=2)
    assert "2 sessions" in next(f.evidence for f in ask(guardrails, made) if f.outcome is Outcome.NO_EVIDENCE)
