"""The rules about what sessions saw beside their timed rounds, each on records built to be true or false."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ace.decide.skeptic.bounds import beyond, excess, lower_bound, tail
from ace.decide.skeptic.clock import clock
from ace.decide.skeptic.late import late_work
from ace.decide.skeptic.repeats import cached, disguise
from ace.decide.skeptic.sham import sham_wins
from ace.decide.skeptic.touched import touched_baseline
from ace.decide.skeptic.truncated import truncated
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.probes import NO_TOKEN_FELT, PERTURBED, UNTOUCHED, Clock, Company, Perturbed, Probes, Untouched, Visit
from ace.domain.record import CellRecord
from ace.domain.session import BASELINE, CANDIDATE, Session, Timings
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, each_session, only_cell

POLICY = b.near_term()
RULES = (clock, cached, disguise, truncated, late_work, touched_baseline)


def probed(change: Callable[[Probes], Probes], made: CellRecord | None = None) -> CellRecord:
    """The record with the probes of every session changed."""
    return each_session(made or b.record(GAIN), lambda s: replace(s, probes=change(s.probes)))


def visits(change: Callable[[Visit], Visit], arm: str = CANDIDATE) -> CellRecord:
    def changed(probes: Probes) -> Probes:
        return replace(probes, visits=tuple(change(v) if v.arm == arm else v for v in probes.visits))

    return probed(changed)


def asked(rule: Callable[..., Finding], made: CellRecord) -> Finding:
    return rule(only_cell(made), POLICY)


def fires(rule: Callable[..., Finding], made: CellRecord) -> Finding:
    found = asked(rule, made)
    assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.BLOCK)
    assert found.next_step
    return found


@pytest.mark.parametrize("rule", RULES)
def test_an_honest_cell_passes(rule):
    assert asked(rule, b.record(GAIN)).outcome is Outcome.PASS


@pytest.mark.parametrize("rule", [*RULES, sham_wins])
def test_no_session_is_no_evidence(rule):
    assert asked(rule, replace(b.record(GAIN), sessions=())).outcome is Outcome.NO_EVIDENCE


@pytest.mark.parametrize("rule", [cached, disguise, late_work])
def test_two_sessions_are_too_few_for_a_bound_and_say_so(rule):
    found = asked(rule, b.record(GAIN, sessions=2))
    assert found.outcome is Outcome.NO_EVIDENCE
    assert "3 are needed" in found.evidence


def test_a_session_longer_by_its_own_clock_than_by_its_parents_blocks():
    fires(clock, probed(lambda p: replace(p, clock=Clock(1.0, None, ()))))
    fires(clock, probed(lambda p: replace(p, clock=Clock(4.0, None, ()))))


def test_timed_calls_that_do_not_fit_into_the_parents_seconds_block():
    fires(clock, each_session(b.record(GAIN), lambda s: replace(s, timed_s=5.0)))


def test_one_session_whose_parent_was_kept_waiting_is_told_and_blocks_nothing():
    made = b.record(GAIN)
    first = made.sessions[0]
    late = replace(first, probes=replace(first.probes, clock=Clock(9.0, None, ())))
    found = asked(clock, replace(made, sessions=(late, *made.sessions[1:])))
    assert found.outcome is Outcome.PASS
    assert "9.00 s" in found.evidence


def test_a_replaced_clock_is_named_though_its_seconds_agree():
    found = fires(clock, probed(lambda p: replace(p, clock=replace(p.clock, replaced=("time.perf_counter",)))))
    assert "time.perf_counter" in found.evidence


def test_a_parent_that_saw_no_marks_is_no_evidence():
    found = asked(clock, probed(lambda p: replace(p, clock=Clock(None, "0 marks came", ()))))
    assert found.outcome is Outcome.NO_EVIDENCE
    assert "0 marks came" in found.evidence


def on_board(device_over_wall: dict[str, float] | None, made: CellRecord | None = None) -> CellRecord:
    """Sessions of a CUDA board, which dated each arm's calls so many times as long as the clock of the session did."""

    def dated(session: Session) -> Session:
        timings = session.timings
        if device_over_wall is not None:
            timings = tuple(
                replace(t, device_s=tuple(device_over_wall.get(t.arm, 1.0) * s for s in t.wall_s)) for t in timings
            )
        return replace(session, environment=replace(session.environment, device="cuda:0"), timings=timings)

    return each_session(made or b.record(GAIN), dated)


def test_a_board_that_dates_the_calls_as_the_session_does_passes():
    assert asked(clock, on_board({BASELINE: 1.01, CANDIDATE: 0.99})).outcome is Outcome.PASS


@pytest.mark.parametrize("arm", [BASELINE, CANDIDATE])
@pytest.mark.parametrize("over", [0.9, 1.1])
def test_an_arm_that_takes_another_time_by_the_clock_of_its_board_blocks(arm, over):
    found = fires(clock, on_board({arm: over}))
    assert f"session 0: {arm} " in found.evidence


def test_a_board_that_dated_nothing_is_no_evidence():
    found = asked(clock, on_board(None))
    assert found.outcome is Outcome.NO_EVIDENCE
    assert "its board dated no calls" in found.evidence


def test_one_late_mark_in_a_session_blocks_nothing():
    def late(session: Session) -> Session:
        first, *others = session.timings
        assert first.device_s is not None
        return replace(session, timings=(replace(first, device_s=(9.0, *first.device_s[1:])), *others))

    assert asked(clock, each_session(on_board({}), late)).outcome is Outcome.PASS


def test_repeated_inputs_that_take_a_fifth_off_block():
    fires(cached, visits(lambda v: replace(v, again_s=0.7 * v.fresh_s)))


def test_a_warm_cache_that_helps_both_arms_alike_is_no_lie():
    def warm(v: Visit) -> Visit:
        return replace(v, again_s=0.6 * v.fresh_s)

    both = probed(lambda p: replace(p, visits=tuple(map(warm, p.visits))))
    assert asked(cached, both).outcome is Outcome.PASS


def test_calls_that_are_slower_when_disguised_block():
    found = fires(disguise, visits(lambda v: replace(v, fresh_s=1.5 * v.fresh_s)))
    assert "in 10 of 10 sessions more than 10%" in found.evidence


def test_a_pause_that_costs_both_arms_as_many_seconds_is_no_lie():
    cold = probed(lambda p: replace(p, visits=tuple(replace(v, fresh_s=v.fresh_s + 0.02) for v in p.visits)))
    assert asked(disguise, cold).outcome is Outcome.PASS


def test_a_disguised_call_that_answers_otherwise_the_second_time_blocks():
    assert "0.5" in fires(disguise, visits(lambda v: replace(v, again_error=0.5))).evidence


def blind(share: float, left_out: float = 0.0, felt: int = 6) -> CellRecord:
    return probed(lambda p: replace(p, perturbed=Perturbed(felt, round(share * felt), left_out)))


def test_a_third_of_the_tokens_without_effect_blocks_unless_it_is_declared():
    fires(truncated, blind(1 / 3))
    assert asked(truncated, blind(1 / 3, left_out=0.3)).outcome is Outcome.PASS
    fires(truncated, blind(2 / 3, left_out=0.3))


def test_one_blind_token_in_sixty_is_chance():
    made = blind(0.0)
    first = made.sessions[0]
    one = replace(first, probes=replace(first.probes, perturbed=Perturbed(6, 1, 0.0)))
    assert asked(truncated, replace(made, sessions=(one, *made.sessions[1:]))).outcome is Outcome.PASS


def test_few_positions_are_no_evidence_and_none_at_all_is_so_too_unless_no_token_was_felt():
    assert asked(truncated, replace(blind(0.0, felt=2), sessions=blind(0.0, felt=2).sessions[:2])).outcome is (
        Outcome.NO_EVIDENCE
    )
    for why, outcome in ((NO_TOKEN_FELT, Outcome.NOT_APPLICABLE), ("nobody looked", Outcome.NO_EVIDENCE)):
        none = probed(lambda p, why=why: replace(p, perturbed=None, absent=(*p.absent, (PERTURBED, why))))
        found = asked(truncated, none)
        assert (found.outcome, found.evidence) == (outcome, why)


def busier(arm: str) -> Callable[[Session], Session]:
    def change(session: Session) -> Session:
        timings = tuple(
            Timings(t.arm, t.wall_s, tuple(1.6 * s for s in t.wall_s)) if t.arm == arm else t for t in session.timings
        )
        return replace(session, timings=timings)

    return change


@pytest.mark.parametrize("arm", [BASELINE, CANDIDATE])
def test_more_processor_time_than_threads_in_timed_calls_of_any_arm_blocks(arm):
    assert f"{arm}: 1.6" in fires(late_work, each_session(b.record(GAIN), busier(arm))).evidence


def test_work_in_the_window_after_a_call_blocks():
    found = fires(late_work, visits(lambda v: replace(v, busy_s=0.8 * v.idle_s)))
    assert "after a call of the candidate" in found.evidence


def test_an_output_that_changes_after_it_was_returned_blocks():
    assert "changed after" in fires(late_work, visits(lambda v: replace(v, late_error=0.1))).evidence


def test_a_child_that_works_through_the_timed_rounds_blocks_and_one_that_sleeps_is_only_told():
    working = probed(lambda p: replace(p, company=Company(1, 1, (), ("python",), 1.0)))
    assert "children left: python" in fires(late_work, working).evidence
    asleep = asked(late_work, probed(lambda p: replace(p, company=Company(1, 2, (), ("python",), 0.0))))
    assert asleep.outcome is Outcome.PASS
    assert "children left: python, 1 new threads" in asleep.evidence


def test_a_changed_setting_or_function_is_named_and_grad_mode_is_harmless():
    assert "threads: 1 -> 4" in (
        fires(touched_baseline, probed(lambda p: replace(p, state_changed=("threads: 1 -> 4",)))).evidence
    )
    named = ("torch.nn.functional.linear",)
    assert named[0] in fires(touched_baseline, probed(lambda p: replace(p, functions_changed=named))).evidence
    harmless = probed(lambda p: replace(p, state_changed=("grad mode: True -> False",)))
    assert asked(touched_baseline, harmless).outcome is Outcome.PASS


def test_a_baseline_that_became_a_third_slower_blocks_and_one_that_became_faster_does_not():
    def after(factor: float) -> CellRecord:
        def change(p: Probes) -> Probes:
            if p.untouched is None:
                return p
            before = p.untouched.before_s
            return replace(p, untouched=Untouched(before, tuple(factor * s for s in before)))

        return probed(change)

    assert "slower than before" in fires(touched_baseline, after(1.33)).evidence
    assert asked(touched_baseline, after(0.8)).outcome is Outcome.PASS


def with_sham(gain: float, why_not: str | None = None) -> CellRecord:
    rng = np.random.default_rng(3)

    def change(s: Session) -> Session:
        absent = tuple(pair for pair in s.probes.absent if pair[0] != "sham")
        absent += (("sham", why_not),) if why_not else ()
        s = replace(s, probes=replace(s.probes, has_sham=True, absent=absent))
        if why_not:
            return s
        wall = np.array(s.wall_s(BASELINE)) * np.exp(-gain + rng.normal(0, 0.005, len(s.order)))
        timings = (*s.timings, Timings("sham", tuple(wall.tolist()), tuple(wall.tolist())))
        first = (*s.order[0], "sham")
        order = tuple(first if r % 2 == 0 else first[::-1] for r in range(len(s.order)))
        return replace(s, timings=timings, order=order)

    return each_session(b.record(GAIN), change)


def test_a_sham_that_beats_the_baseline_blocks_and_one_that_costs_something_passes():
    assert "the sham gains" in fires(sham_wins, with_sham(0.05)).evidence
    assert asked(sham_wins, with_sham(-0.04)).outcome is Outcome.PASS
    assert asked(sham_wins, with_sham(0.0)).outcome is Outcome.PASS


def test_no_sham_is_not_applicable_and_a_broken_one_is_no_evidence_with_its_reason():
    assert asked(sham_wins, b.record(GAIN)).outcome is Outcome.NOT_APPLICABLE
    found = asked(sham_wins, with_sham(0.0, why_not="raised at prepare: no"))
    assert found.outcome is Outcome.NO_EVIDENCE
    assert "raised at prepare" in found.evidence


def test_the_baselines_loss_is_allowed_to_the_candidate_as_a_factor_or_as_seconds():
    slow, fast = {BASELINE: 2.0, CANDIDATE: 1.0}, {BASELINE: 1.0, CANDIDATE: 0.5}
    assert excess(slow, fast) <= 0
    assert excess({BASELINE: 1.2, CANDIDATE: 0.4}, {BASELINE: 1.0, CANDIDATE: 0.2}) == pytest.approx(0.0)
    assert excess({BASELINE: 0.9, CANDIDATE: 2.0}, {BASELINE: 1.0, CANDIDATE: 1.0}) == pytest.approx(np.log(2))


def test_ten_sessions_out_of_ten_convince_though_one_was_disturbed_and_nine_do_not():
    disturbed = [0.3] * 9 + [9.0]
    assert lower_bound(disturbed) < 0.1
    assert beyond(disturbed, 0.1)
    assert not beyond([0.3] * 8 + [0.0, 9.0], 0.1)


@pytest.mark.parametrize("rule", [cached, disguise, late_work, touched_baseline])
def test_honest_cells_on_a_noisy_machine_are_not_blocked(rule):
    """A third of all probe calls is disturbed, by up to twice their time."""
    rng = np.random.default_rng(11)

    def noisy(seconds: float) -> float:
        return seconds * float(np.exp(rng.normal(0, 0.08)) * (1 + (rng.random() < 1 / 3) * rng.random()))

    def change(p: Probes) -> Probes:
        seen = tuple(replace(v, fresh_s=noisy(v.fresh_s), again_s=noisy(v.again_s)) for v in p.visits)
        known = p.untouched and Untouched(
            tuple(map(noisy, p.untouched.before_s)), tuple(map(noisy, p.untouched.after_s))
        )
        return replace(p, visits=seen, untouched=known)

    made = b.record(GAIN)
    fired = sum(asked(rule, probed(change, made)).outcome is Outcome.FAIL for _ in range(100))
    assert fired == 0


def test_a_baseline_that_takes_longer_only_while_it_is_timed_blocks():
    found = fires(disguise, visits(lambda v: replace(v, fresh_s=0.6 * v.fresh_s), BASELINE))
    assert "while it is timed the baseline takes longer" in found.evidence


def test_a_baseline_that_waits_where_the_candidate_computes_blocks():
    def waiting(session: Session) -> Session:
        timings = tuple(
            replace(t, cpu_s=tuple(0.6 * s for s in t.wall_s)) if t.arm == BASELINE else t for t in session.timings
        )
        return replace(session, timings=timings)

    found = fires(touched_baseline, each_session(b.honest(GAIN, b.plan()), waiting))
    assert "the baseline computes in 60%" in found.evidence


def test_a_baseline_that_no_session_met_before_the_candidate_came_is_no_evidence():
    def unmet(probes: Probes) -> Probes:
        others = tuple((name, why) for name, why in probes.absent if name != UNTOUCHED)
        return replace(probes, untouched=None, absent=(*others, (UNTOUCHED, "not this time")))

    assert asked(touched_baseline, probed(unmet)).outcome is Outcome.NO_EVIDENCE


def test_calls_that_their_own_number_makes_longer_than_the_session_block():
    made = each_session(b.record(GAIN), lambda s: replace(s, calls_per_timing=1000))
    assert "its parent" in fires(clock, made).evidence


@pytest.mark.parametrize(
    ("hits", "trials", "chance"), [(0, 5, 0.3), (3, 5, 0.3), (5, 5, 0.5), (7, 40, 0.05), (1, 1, 1.0)]
)
def test_the_tail_of_a_count_is_the_sum_of_its_chances(hits, trials, chance):
    ways = [math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(hits, trials + 1)]
    assert tail(hits, trials, chance) == pytest.approx(sum(ways), rel=1e-12)


def test_a_number_of_positions_that_a_stranger_wrote_is_judged_as_quickly_as_any_other():
    made = probed(lambda p: replace(p, perturbed=Perturbed(2**62, 2**61, 0.0)))
    assert truncated(only_cell(made), POLICY).outcome is Outcome.FAIL
    assert tail(600, 1200, 0.5) == pytest.approx(0.5115, abs=1e-4)
