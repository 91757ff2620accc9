"""Less memory is a claim of its own: it needs processes enough to tell, and says nothing about speed."""

from dataclasses import replace

import pytest

from ace.decide.gates.memory import memory, memory_of
from ace.decide.judge import judge
from ace.domain.finding import Outcome
from ace.domain.record import MemoryUse
from ace.domain.session import BASELINE, CANDIDATE
from ace.domain.verdict import Verdict
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, laid_out

POLICY = b.near_term()
MB = 1_000_000


def using(candidate_mb, baseline_mb=(400, 401, 402), scopes=("speed", "memory"), gain=GAIN, difference=0.0):
    made = b.honest(gain, b.plan(), difference=difference)
    uses = [MemoryUse(BASELINE, mb * MB, None) for mb in baseline_mb]
    uses += [MemoryUse(CANDIDATE, mb * MB, None) for mb in candidate_mb]
    return replace(made, plan=replace(made.plan, scopes=scopes), memory=tuple(uses))


@pytest.mark.parametrize(
    ("candidate", "outcome"),
    [((300, 301, 302), Outcome.PASS), ((398, 399, 401), Outcome.FAIL), ((380, 395, 400), Outcome.NO_EVIDENCE),
     ((300,), Outcome.NO_EVIDENCE), ((300, 301), Outcome.NO_EVIDENCE)],
)  # fmt: skip
def test_three_processes_an_arm_that_do_not_overlap_tell_and_fewer_do_not(candidate, outcome):
    baseline = (400, 401, 402)[: len(candidate)]
    [found] = memory(laid_out(b.stored(using(candidate, baseline))), POLICY)
    assert found.outcome is outcome


def test_the_level_of_three_against_three_is_one_in_twenty():
    assert memory_of([using((300, 301, 302))]).level == pytest.approx(0.05)


def claims(record):
    [decision] = judge(b.evidence(b.stored(record)), POLICY)
    return decision


def test_a_candidate_that_saves_memory_and_no_time_is_judged_for_each_by_itself():
    decision = claims(using((300, 301, 302), gain=0.0))
    assert decision.claims.speed.verdict is Verdict.REJECTED_NO_GAIN
    assert decision.claims.memory.verdict is Verdict.EXPLORATORY
    assert decision.claims.memory.cells == ("development 64x1",)
    assert decision.verdict is Verdict.REJECTED_NO_GAIN


def test_no_less_memory_is_no_gain_of_memory():
    decision = claims(using((400, 401, 402)))
    assert decision.claims.memory.verdict is Verdict.REJECTED_NO_GAIN
    assert decision.claims.speed.verdict is Verdict.EXPLORATORY


def test_memory_bought_with_quality_is_harm():
    bad = replace(using((300, 301, 302)), quality=b.scored(-0.1, changed=0.1))
    assert claims(bad).claims.memory.verdict is Verdict.REJECTED_HARM


def test_what_was_not_declared_is_not_claimed_however_little_is_needed():
    decision = claims(using((300, 301, 302), scopes=("speed",)))
    assert decision.claims.memory.verdict is Verdict.INCONCLUSIVE
    assert "experiment.scopes" in decision.claims.memory.reasons[0]
