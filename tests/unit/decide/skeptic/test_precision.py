from dataclasses import replace

import numpy as np
import pytest

from ace.decide.skeptic.precision import heterogeneous, imprecise, sign_test, systematic, unsteady
from ace.domain.finding import Outcome, Severity
from ace.domain.session import CANDIDATE, Timings
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, each_session, only_cell

POLICY = b.near_term()


def test_a_tight_gain_is_precise_and_a_vague_one_is_not():
    assert imprecise(only_cell(b.record(GAIN)), POLICY).outcome is Outcome.PASS
    vague = imprecise(only_cell(b.record(0.03, offset_sd=0.08, seed=2)), POLICY)
    assert (vague.outcome, vague.severity) == (Outcome.FAIL, Severity.DOWNGRADE)
    assert "seed=1" in vague.next_step  # measured again, not read again


def test_a_null_cell_is_held_against_the_smallest_gain_worth_having_not_against_nothing():
    assert imprecise(only_cell(b.record(0.0)), POLICY).outcome is Outcome.PASS


def test_what_the_null_arm_shows_beyond_chance_adds_to_the_uncertainty():
    assert systematic(only_cell(b.record(null_gain=0.0, seed=2))) == 0.0
    assert systematic(only_cell(b.record(null_gain=0.05))) == pytest.approx(0.05, abs=0.01)
    assert imprecise(only_cell(b.record(0.05, null_gain=0.05)), POLICY).outcome is Outcome.FAIL


def test_no_session_is_no_evidence_for_any_of_them():
    empty = only_cell(replace(b.record(), sessions=()))
    for rule in (imprecise, heterogeneous, unsteady):
        assert rule(empty, POLICY).outcome is Outcome.NO_EVIDENCE


def test_sessions_that_disagree_about_the_size_warn_and_the_older_rule_is_shown():
    found = heterogeneous(only_cell(b.record(0.05, offset_sd=0.03, seed=4)), POLICY)
    assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.WARN)
    assert "sd/mean + u/mean" in found.evidence


def test_sessions_that_disagree_about_the_sign_downgrade():
    gains = (0.3, 0.3, 0.25, 0.28, 0.3, 0.27, -0.02, -0.03, 0.29, 0.26)

    def shifted(session):
        wall = tuple(t * float(np.exp(-gains[session.index])) for t in session.timings[0].wall_s)
        rows = (*session.timings[:2], Timings(CANDIDATE, tuple(t * 1.0001 for t in wall), wall))
        return replace(session, timings=rows)

    found = heterogeneous(only_cell(each_session(b.record(), shifted)), POLICY)
    assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.DOWNGRADE)
    assert "8 of 10" in found.evidence


def test_a_cell_without_a_direction_has_no_heterogeneity():
    assert heterogeneous(only_cell(b.record(0.0)), POLICY).outcome is Outcome.NOT_APPLICABLE


def test_a_consistent_gain_is_homogeneous():
    assert heterogeneous(only_cell(b.record(GAIN)), POLICY).outcome is Outcome.PASS


@pytest.mark.parametrize(("wins", "sessions", "p"), [(10, 10, 1 / 1024), (8, 10, 56 / 1024), (0, 6, 1.0)])
def test_the_sign_test_counts(wins, sessions, p):
    assert sign_test(wins, sessions) == pytest.approx(p)


def test_a_ratio_that_moves_within_sessions_is_unsteady():
    def warming(session):
        slow = np.linspace(0.2, 0.0, len(session.order))
        *others, candidate = session.timings
        wall = tuple((np.array(candidate.wall_s) * np.exp(slow)).tolist())
        return replace(session, timings=(*others, Timings(CANDIDATE, wall, wall)))

    made = b.record(0.1, of=b.plan(rounds=20))
    assert unsteady(only_cell(made), POLICY).outcome is Outcome.PASS
    found = unsteady(only_cell(each_session(made, warming)), POLICY)
    assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.DOWNGRADE)
