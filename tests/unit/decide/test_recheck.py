from ace.decide.recheck import doubts_about
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN

POLICY = b.near_term()


def test_a_steady_cell_is_not_measured_again():
    assert doubts_about(b.honest(GAIN, b.plan()), POLICY) == ()
    assert doubts_about(b.honest(0.0, b.plan()), POLICY) == ()


def test_a_cell_that_a_rule_leaves_unresolved_is_measured_once_more_and_says_why():
    (doubt, *_) = doubts_about(b.honest(GAIN, b.plan(), offset_sd=0.3), POLICY)
    assert doubt.startswith(("imprecise", "heterogeneous", "unsteady"))


def test_more_of_too_few_sessions_would_resolve_nothing():
    assert doubts_about(b.honest(GAIN, b.plan(sessions=4), offset_sd=0.12), POLICY) == ()
