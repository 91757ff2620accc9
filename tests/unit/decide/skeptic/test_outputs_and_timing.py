from dataclasses import replace

import numpy as np
import pytest

from ace.decide.skeptic import challenge
from ace.decide.skeptic.outputs import timed_is_not_scored
from ace.decide.skeptic.timing import conditions, dependence, dispersion, drift, order_effect, resolution
from ace.decide.skeptic.touched import touched_baseline
from ace.domain.finding import Outcome, Severity
from ace.domain.record import CodeState
from ace.domain.session import BASELINE, CANDIDATE, Timings
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, each_session, laid_out, only_cell

POLICY = b.near_term()


def checked(arm=CANDIDATE, **changes):
    def change(session):
        return replace(session, checks=tuple(replace(c, **changes) if c.arm == arm else c for c in session.checks))

    return timed_is_not_scored(only_cell(each_session(b.record(GAIN), change)), POLICY)


def test_outputs_that_agree_pass():
    assert checked().outcome is Outcome.PASS


@pytest.mark.parametrize("arm", [BASELINE, CANDIDATE])
@pytest.mark.parametrize("error", ["recomputed_error", "scored_error"])
def test_a_timed_output_that_is_not_the_scored_one_blocks(arm, error):
    found = checked(arm, **{error: 0.5})
    assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.BLOCK)


def test_one_wrong_output_of_one_session_is_enough():
    made = b.record(GAIN)
    first = made.sessions[0]
    wrong = replace(first, checks=(*first.checks[:2], replace(first.checks[2], recomputed_error=0.2)))
    found = timed_is_not_scored(only_cell(replace(made, sessions=(wrong, *made.sessions[1:]))), POLICY)
    assert found.evidence.startswith("1 of 30")


def test_no_kept_output_or_none_compared_with_a_score_is_no_evidence():
    bare = each_session(b.record(GAIN), lambda s: replace(s, checks=()))
    assert timed_is_not_scored(only_cell(bare), POLICY).outcome is Outcome.NO_EVIDENCE
    unscored = each_session(
        b.record(GAIN), lambda s: replace(s, checks=tuple(replace(c, scored_error=None) for c in s.checks))
    )
    assert timed_is_not_scored(only_cell(unscored), POLICY).outcome is Outcome.NO_EVIDENCE
    without_quality = replace(unscored, quality=None, quality_reason="random weights")
    assert timed_is_not_scored(only_cell(without_quality), POLICY).outcome is Outcome.PASS


def test_a_baseline_that_differs_between_sessions_blocks():
    made = b.record(GAIN)
    assert touched_baseline(only_cell(made), POLICY).outcome is Outcome.PASS
    other = replace(made, sessions=(*made.sessions[:9], replace(made.sessions[9], baseline_digest="other")))
    found = touched_baseline(only_cell(other), POLICY)
    assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.BLOCK)
    assert touched_baseline(only_cell(replace(made, sessions=())), POLICY).outcome is Outcome.NO_EVIDENCE


def scaled(factor):
    def change(session):
        timings = tuple(Timings(t.arm, tuple((np.array(t.wall_s) * factor).tolist()), t.cpu_s) for t in session.timings)
        return replace(session, timings=timings)

    return change


def test_a_baseline_that_slows_down_over_every_session_warns_and_does_not_move_the_gain():
    made = b.record(GAIN)
    heated = each_session(made, scaled(np.exp(np.linspace(0, 0.2, 12))))
    assert drift(only_cell(made), POLICY).outcome is Outcome.PASS
    assert drift(only_cell(heated), POLICY).outcome is Outcome.FAIL
    assert only_cell(heated).own.gain == pytest.approx(only_cell(made).own.gain, abs=1e-9)


def test_noisy_ratios_warn():
    assert dispersion(only_cell(b.record(GAIN)), POLICY).outcome is Outcome.PASS
    assert dispersion(only_cell(b.record(GAIN, noise=0.4)), POLICY).outcome is Outcome.FAIL


def test_timings_under_a_millisecond_warn_unless_calls_are_repeated():
    short = b.record(GAIN, baseline_s=0.0004)
    assert resolution(only_cell(short), POLICY).outcome is Outcome.FAIL
    repeated = each_session(short, lambda s: replace(s, calls_per_timing=4))
    assert resolution(only_cell(repeated), POLICY).outcome is Outcome.PASS


def test_no_session_is_no_evidence_for_the_rules_about_the_room():
    empty = only_cell(replace(b.record(), sessions=()))
    rules = (drift, order_effect, dependence, dispersion, resolution)
    assert {rule(empty, POLICY).outcome for rule in rules} == {Outcome.NO_EVIDENCE}


def test_measurements_by_other_code_are_named_beside_the_headline():
    old = b.stored(b.record(seed=1), started_at=1.0)
    new = b.stored(replace(b.record(seed=2), code=CodeState("abc", False, "other", "executor")), started_at=2.0)
    [cell] = laid_out(old, new).cells
    found = conditions(cell, POLICY)
    assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.WARN)
    assert "1 by code package" in found.evidence
    assert conditions(only_cell(b.record()), POLICY).outcome is Outcome.PASS


def test_without_a_cell_no_rule_passes():
    found = challenge((), POLICY)
    assert {f.name for f in found} >= {"interference", "selected", "transfer gap"}
    assert Outcome.PASS not in {f.outcome for f in found}


def test_a_gain_that_belongs_to_whoever_runs_second_is_told_and_changes_no_answer():
    def second_is_faster(session):
        def faster(timings):
            other = BASELINE if timings.arm == CANDIDATE else CANDIDATE
            factors = [0.95 if row.index(timings.arm) > row.index(other) else 1.05 for row in session.order]
            return replace(timings, wall_s=tuple(t * f for t, f in zip(timings.wall_s, factors, strict=True)))

        return replace(
            session, timings=tuple(faster(t) if t.arm in (BASELINE, CANDIDATE) else t for t in session.timings)
        )

    honest, disturbed = only_cell(b.record(GAIN)), only_cell(each_session(b.record(GAIN), second_is_faster))
    assert order_effect(honest, POLICY).outcome is Outcome.PASS
    found = order_effect(disturbed, POLICY)
    assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.WARN)
    assert abs(disturbed.own.gain - honest.own.gain) < 0.01


def test_sessions_that_resemble_their_neighbours_are_told_to_be_fewer_than_they_seem():
    made = b.record(GAIN, sessions=20)
    by_gain = sorted(range(20), key=only_cell(made).own.session_gains.__getitem__)
    drifting = replace(made, sessions=tuple(replace(made.sessions[i], index=n) for n, i in enumerate(by_gain)))
    assert dependence(only_cell(made), POLICY).outcome is Outcome.PASS
    found = dependence(only_cell(drifting), POLICY)
    assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.WARN)
