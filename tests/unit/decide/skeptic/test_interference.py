"""The arms alone: a gain that only its neighbour pays for is ruled out there."""

from dataclasses import replace

import numpy as np

from ace.decide.estimates import estimate
from ace.decide.gather import gather
from ace.decide.skeptic.interference import interference
from ace.domain.finding import Outcome, Severity
from ace.domain.isolated import Isolated, IsolatedPair
from ace.domain.session import BASELINE, CANDIDATE
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN

POLICY = b.near_term()


def alone(
    gain: float, pairs: int = 10, sd: float = 0.01, failures: tuple[str, ...] = (), settling: float = 0.0
) -> Isolated:
    """Pairs of processes whose candidate has this true gain; each process has an offset of its own. `settling`: how
    much faster the candidate is at the end of its calls than at their beginning."""
    rng = np.random.default_rng(3)

    def seconds(of: float) -> tuple[float, ...]:
        moving = np.linspace(0, settling, 12) if of else 0.0
        return tuple((0.025 * np.exp(-of - moving + rng.normal(0, sd) + rng.normal(0, 0.001, 12))).tolist())

    made = tuple(
        IsolatedPair(i, (BASELINE, CANDIDATE)[i % 2], seconds(0.0), seconds(gain), "docs", 1000.0 + i)
        for i in range(pairs)
    )
    return Isolated(pairs + len(failures), made, failures)


def asked(isolated: Isolated | None, gain: float = GAIN):
    made = replace(b.honest(gain, b.plan()), isolated=isolated)
    cells = estimate(gather(b.evidence(b.stored(made)))[0].cells, POLICY)
    [finding] = interference(cells, POLICY)
    return finding


def test_a_gain_that_stays_when_each_arm_is_alone_passes():
    found = asked(alone(GAIN))
    assert (found.outcome, found.cell) == (Outcome.PASS, "development 64x1")


def test_a_gain_that_is_gone_when_each_arm_is_alone_blocks():
    found = asked(alone(0.0))
    assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.BLOCK)
    assert "neighbour" in found.next_step


def test_pairs_that_do_not_stand_still_and_yet_rule_the_gain_out_block_and_say_how_much_there_is():
    found = asked(alone(-0.08, sd=0.002, settling=0.06))
    assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.BLOCK)
    assert "alone the candidate gains -3.2 %" in found.evidence


def test_pairs_that_do_not_stand_still_and_rule_nothing_out_leave_it_open_and_show_their_interval():
    found = asked(alone(GAIN, sd=0.002, settling=0.06))
    assert found.outcome is Outcome.NO_EVIDENCE
    assert "alone the candidate gains +" in found.evidence
    assert "not steady" in found.evidence


def test_another_gain_alone_that_is_still_worth_having_only_warns():
    found = asked(alone(GAIN + 0.1))
    assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.WARN)


def test_too_few_pairs_say_nothing_and_name_the_command():
    found = asked(alone(GAIN, pairs=3, failures=("pair 3, candidate: died",)))
    assert found.outcome is Outcome.NO_EVIDENCE
    assert "++protocol.isolated_sessions" in found.next_step


def test_without_a_cell_measured_alone_the_command_that_measures_one_is_named():
    found = asked(None)
    assert (found.outcome, found.cell) == (Outcome.NO_EVIDENCE, None)
    assert "launch.py" in found.next_step
    assert "isolated_sessions=10" in found.next_step


def test_a_candidate_that_fails_whenever_it_is_alone_keeps_the_claim_open_and_is_named():
    found = asked(Isolated(10, (), tuple(f"pair {i}, candidate: raised" for i in range(10))))
    assert (found.outcome, found.severity, found.cell) == (Outcome.NO_EVIDENCE, Severity.BLOCK, "development 64x1")
    assert "pair 0, candidate: raised" in found.evidence


def test_alone_it_must_answer_what_was_scored():
    good = alone(GAIN)
    lied = replace(good, pairs=tuple(replace(pair, output_error=0.4) for pair in good.pairs))
    found = asked(lied)
    assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.BLOCK)
    assert "otherwise than the outputs that were scored" in found.evidence
