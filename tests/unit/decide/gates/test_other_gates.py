from dataclasses import fields, replace
from typing import cast

import pytest

from ace.decide.estimates import estimate
from ace.decide.gates import GATES, REQUIRED, check
from ace.decide.gates.coverage import Consulted, coverage
from ace.decide.gates.provenance import provenance
from ace.decide.gates.registration import frozen, holdout
from ace.decide.skeptic import challenge
from ace.domain.finding import Outcome
from ace.domain.policy import Policy
from ace.domain.session import Timings
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, each_session, laid_out, outcomes

POLICY = b.near_term()


def test_an_unregistered_claim_is_no_evidence_and_an_opened_holdout_fails():
    assert outcomes(frozen(laid_out(b.stored(b.record())), POLICY)) == {Outcome.NO_EVIDENCE}
    assert outcomes(holdout(laid_out(b.stored(b.record())), POLICY)) == {Outcome.NO_EVIDENCE}
    opened = b.stored(b.record(of=b.plan(split="holdout")), run_id="early")
    [found] = frozen(laid_out(b.stored(b.record()), opened), POLICY)
    assert found.outcome is Outcome.FAIL
    assert "early" in found.evidence


def test_a_clock_far_finer_than_the_timings_is_measured_and_energy_does_not_apply():
    found = list(provenance(laid_out(b.stored(b.record())), POLICY))
    assert [f.outcome for f in found] == [Outcome.PASS, Outcome.NOT_APPLICABLE]


def test_a_coarse_or_a_silent_clock_is_no_evidence():
    coarse = each_session(b.record(), lambda s: replace(s, environment=b.environment(clock_resolution_s=0.001)))
    silent = each_session(
        b.record(), lambda s: replace(s, timings=tuple(Timings(t.arm, t.wall_s, (0.0,) * 12) for t in s.timings))
    )
    for made in (coarse, silent, replace(b.record(), sessions=())):
        assert Outcome.NO_EVIDENCE in outcomes(provenance(laid_out(b.stored(made)), POLICY))


def consult(*cells) -> Consulted:
    """A policy after a whole judgement."""
    consulted = Consulted(POLICY)
    reading = cast(Policy, consulted)
    dossier = laid_out(*cells, policy=reading)
    check(dossier, reading, consulted)
    return consulted


@pytest.mark.parametrize("gain", [0.0, GAIN, -0.1])
def test_every_policy_key_is_read_by_some_gate_or_rule_whatever_the_evidence(gain):
    assert consult(b.stored(b.honest(gain, b.plan()))).unread == []
    assert consult(b.stored(replace(b.record(gain, loss=None), sessions=()))).unread == []


def test_a_key_that_nothing_reads_is_a_coverage_failure():
    consulted = Consulted(POLICY)
    estimate((), cast(Policy, consulted))
    challenge((), cast(Policy, consulted))
    found = coverage(consulted, (), (), cells=1)
    assert found.outcome is Outcome.FAIL
    assert "policy.margin was read by nothing" in found.evidence
    assert len(consulted.unread) == len(fields(Policy)) - 2  # all but the name, and delta of the rules across cells


def test_a_gate_that_did_not_answer_is_a_coverage_failure():
    consulted = consult(b.stored(b.record()))
    found = coverage(consulted, ("gain", "ghost"), check(laid_out(b.stored(b.record())), POLICY, consulted), cells=1)
    assert "ghost did not answer" in found.evidence


def test_coverage_of_an_empty_map_is_no_evidence():
    assert coverage(Consulted(POLICY), (), (), cells=0).outcome is Outcome.NO_EVIDENCE


def test_every_gate_of_the_table_answers_under_its_own_name():
    dossier = laid_out(b.stored(b.honest(GAIN, b.plan())))
    for name, ask in GATES:
        assert {f.name for f in ask(dossier, POLICY)} == {name}
    assert REQUIRED[-1] == "coverage"
