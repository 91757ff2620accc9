from dataclasses import replace

from ace.decide.recheck import doubts_about
from ace.domain.session import NULL
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, each_session

POLICY = b.near_term()


def test_a_steady_cell_is_not_measured_again():
    assert doubts_about(b.honest(GAIN, b.plan()), POLICY) == ()
    assert doubts_about(b.honest(0.0, b.plan()), POLICY) == ()


def test_a_cell_that_a_rule_leaves_unresolved_is_measured_once_more_and_says_why():
    (doubt, *_) = doubts_about(b.honest(GAIN, b.plan(), offset_sd=0.3), POLICY)
    assert doubt.startswith(("imprecise", "heterogeneous", "unsteady"))


def test_on_the_holdout_what_does_not_settle_the_claim_is_measured_once_more_too():
    open_gain = b.honest(0.035, b.plan(split="holdout"), offset_sd=0.02)
    assert any(doubt.startswith(("gain", "imprecise")) for doubt in doubts_about(open_gain, POLICY))
    open_quality = b.honest(GAIN, b.plan(split="holdout"), difference=-0.025)
    assert any(doubt.startswith("quality") for doubt in doubts_about(open_quality, POLICY))
    assert doubts_about(b.honest(GAIN, b.plan(split="holdout")), POLICY) == ()


def test_more_of_too_few_sessions_would_resolve_nothing():
    assert doubts_about(b.honest(GAIN, b.plan(sessions=4), offset_sd=0.12), POLICY) == ()


def test_a_cell_whose_null_arm_scatters_too_widely_to_see_anything_is_measured_once_more():
    [doubt] = doubts_about(null_scattered(b.honest(0.5, b.plan())), POLICY)
    assert doubt.startswith("instrument: null arm")


def null_scattered(made):
    """Every other session's null arm a tenth slower, and faster in the others."""

    def off(index, timings):
        factor = 1.1 if index % 2 else 1 / 1.1
        return replace(timings, wall_s=tuple(factor * s for s in timings.wall_s)) if timings.arm == NULL else timings

    sessions = (replace(s, timings=tuple(off(s.index, t) for t in s.timings)) for s in made.sessions)
    return replace(made, sessions=tuple(sessions))


def test_a_null_arm_beyond_chance_beside_a_gain_that_it_could_explain_is_measured_once_more_on_every_split():
    for split in ("development", "validation", "holdout"):
        small, large = (b.honest(g, b.plan(split=split), null_gain=0.009, offset_sd=0.004) for g in (0.042, GAIN))
        (doubt,) = doubts_about(small, POLICY)
        assert doubt.startswith("instrument: null arm")
        assert doubts_about(large, POLICY) == ()


def test_a_slow_tail_that_is_not_known_is_measured_once_more_where_it_is_asked_about():
    def bursting(session):
        own = tuple(
            replace(t, wall_s=tuple(s * 1.5 if i in slow else s for i, s in enumerate(t.wall_s)))
            for t, slow in zip(session.timings, ((), (), (5, 8) if session.index % 2 else (5,)), strict=True)
        )
        return replace(session, timings=own)

    found = doubts_about(each_session(b.honest(GAIN, b.plan()), bursting), POLICY)
    assert any(doubt.startswith("guardrails: p90 latency") for doubt in found)
    assert doubts_about(each_session(b.honest(GAIN, b.plan(split="validation")), bursting), POLICY) == ()
