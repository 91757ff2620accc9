import tracemalloc
from dataclasses import replace

import pytest

from ace.decide.gates.completeness import complete, session_gap
from ace.decide.gates.symmetry import binomial_p
from ace.domain.finding import Outcome
from ace.domain.plan import OBRIEN_FLEMING
from ace.domain.record import Failure, Look
from ace.domain.stored import StoredSweep
from tests.unit.decide import builders as b
from tests.unit.decide.table import laid_out, outcomes, the_fail

POLICY = b.near_term()
JOBS = ("batch=1,seq_len=64", "batch=1,seq_len=128")


def ask(*cells, sweeps=()):
    return list(complete(laid_out(*cells, sweeps=sweeps), POLICY))


def of_sweep(seq_len, **changes):
    made = b.record(of=b.plan(seq_len=seq_len))
    return b.stored(
        made, **{"run_id": f"run-{seq_len}", "sweep": "grid", "job": f"batch=1,seq_len={seq_len}"} | changes
    )


def sweep(status):
    return StoredSweep("sweep-run", "grid", status, 1.0, JOBS)


def test_a_whole_grid_passes():
    assert outcomes(ask(of_sweep(64), of_sweep(128), sweeps=(sweep("FINISHED"),))) == {Outcome.PASS}


@pytest.mark.parametrize("status", ["FINISHED", "FAILED"])
def test_a_cell_dropped_from_a_sweep_that_ended_fails(status):
    assert JOBS[1] in the_fail(ask(of_sweep(64), sweeps=(sweep(status),))).evidence


@pytest.mark.parametrize("status", ["KILLED", "RUNNING"])
def test_a_sweep_that_died_is_no_evidence_and_names_the_command_for_the_rest(status):
    [found] = [f for f in ask(of_sweep(64), sweeps=(sweep(status),)) if f.outcome is Outcome.NO_EVIDENCE]
    assert found.next_step == "python launch.py -m batch=1 seq_len=128"


def test_a_dead_sweep_is_whole_once_its_missing_cell_was_measured():
    later = of_sweep(128, sweep=None, job=None)
    assert outcomes(ask(of_sweep(64), later, sweeps=(sweep("KILLED"),))) == {Outcome.PASS}


def test_a_sweep_of_which_nothing_is_there_is_everybodys_gap():
    empty = StoredSweep("sweep-run", "vanished", "FINISHED", 1.0, JOBS)
    assert "vanished" in the_fail(ask(b.stored(b.record()), sweeps=(empty,))).evidence


def test_a_declaration_that_is_gone_is_no_evidence_for_the_whole_grid():
    assert outcomes(ask(of_sweep(64))) == {Outcome.PASS, Outcome.NO_EVIDENCE}


def test_a_job_that_was_refused_before_it_could_run_is_no_gap():
    refused = StoredSweep("sweep-run", "grid", "FAILED", 1.0, JOBS, JOBS[1:])
    found = ask(of_sweep(64), sweeps=(refused,))
    assert outcomes(found) == {Outcome.PASS}
    assert any("could not be run: " + JOBS[1] in f.evidence for f in found)


def test_without_a_sweep_that_question_does_not_apply():
    assert Outcome.NOT_APPLICABLE in {f.outcome for f in ask(b.stored(b.record()))}


def test_a_failed_attempt_that_says_why_is_complete():
    failed = of_sweep(128, status="FAILED", record=None, problem="traceback: out of memory")
    found = ask(of_sweep(64), failed, sweeps=(sweep("FAILED"),))
    assert outcomes(found) == {Outcome.PASS}
    assert any("out of memory" in f.evidence for f in found)


def test_a_failed_attempt_without_a_word_fails():
    failed = of_sweep(128, status="FAILED", record=None, problem=None)
    assert "without a recorded reason" in the_fail(ask(of_sweep(64), failed)).evidence


def test_a_killed_attempt_is_no_evidence_until_its_cell_is_measured_again():
    killed = of_sweep(128, status="KILLED", record=None, problem="killed", record_digest=None, tagged_digest=None)
    dead = (sweep("KILLED"),)
    [found] = [f for f in ask(of_sweep(64), killed, sweeps=dead) if f.outcome is Outcome.NO_EVIDENCE]
    assert found.next_step == "python launch.py -m batch=1 seq_len=128"
    again = of_sweep(128, run_id="again", sweep=None, job=None)
    assert outcomes(ask(of_sweep(64), killed, again, sweeps=dead)) == {Outcome.PASS}


def test_a_session_that_is_neither_measured_nor_failed_is_a_gap():
    made = b.record()
    assert "session 9 neither" in the_fail(ask(b.stored(replace(made, sessions=made.sessions[:9])))).evidence


def test_a_session_that_failed_is_explained():
    made = b.record()
    died = Failure(9, "timing", "died", None, "signal 9")
    assert outcomes(ask(b.stored(replace(made, sessions=made.sessions[:9], failures=(died,))))) == {Outcome.PASS}


@pytest.mark.parametrize(
    ("arms", "outcome"),
    [
        (["candidate"] * 7, Outcome.FAIL),
        (["candidate"] * 4, Outcome.PASS),
        (["candidate", "baseline", "null"] * 3, Outcome.PASS),
    ],
)
def test_failures_that_prefer_the_candidate_beyond_chance_fail(arms, outcome):
    made = b.record(of=b.plan(sessions=10 + len(arms)))
    lost = tuple(Failure(10 + i, "timing", "raised", arm, "x") for i, arm in enumerate(arms))
    assert ask(b.stored(replace(made, failures=lost)))[-1].outcome is outcome


def test_the_exact_test_agrees_with_counting():
    assert binomial_p(0, 0, 1 / 3) == 1.0
    assert binomial_p(2, 2, 1 / 3) == pytest.approx(1 / 9)
    assert binomial_p(3, 4, 1 / 2) == pytest.approx(10 / 16)


def test_a_session_that_lost_an_arm_or_rounds_or_was_added_is_a_gap():
    made = b.record()
    first, *others = made.sessions
    pairs = tuple(tuple(arm for arm in row if arm != "null") for row in first.order)
    without = replace(first, timings=tuple(t for t in first.timings if t.arm != "null"), order=pairs)
    shorter = tuple(replace(t, wall_s=t.wall_s[:-2], cpu_s=t.cpu_s[:-2]) for t in first.timings)
    short = replace(first, timings=shorter, order=first.order[:-2], inputs=first.inputs[:-2])
    added = replace(first, index=len(made.sessions))
    for sessions, said in (
        ((without, *others), "session 0: null was not timed"),
        ((short, *others), "10 of 12 rounds"),
        ((*made.sessions, added), "11 sessions where 10 were planned"),
    ):
        assert said in the_fail(ask(b.stored(replace(made, sessions=sessions)))).evidence


def test_a_record_that_names_no_document_cannot_be_held_against_another_split():
    made = replace(b.record(), documents=())
    assert "no document is named" in the_fail(ask(b.stored(made))).evidence


def test_pairs_of_each_arm_alone_that_were_planned_and_are_not_there_are_a_gap():
    made = b.record(of=replace(b.plan(), isolated_sessions=10))
    assert "10 pairs of each arm alone were planned" in the_fail(ask(b.stored(made))).evidence


def of_an_earlier_sweep(seq_len, **changes):
    return of_sweep(seq_len, **{"sweep": "earlier"} | changes)


def over(status, *reused):
    earlier = StoredSweep("earlier-run", "earlier", "KILLED", 0.5, JOBS[:1])
    return earlier, StoredSweep("sweep-run", "grid", status, 1.0, JOBS, (), reused)


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_grid_is_whole_whose_cells_an_earlier_sweep_measured(status):
    found = ask(of_an_earlier_sweep(64), of_sweep(128), sweeps=over(status, (JOBS[0], "run-64")))
    assert outcomes(found) == {Outcome.PASS}
    assert any("2 of 2 jobs, 1 of them measured by an earlier one" in f.evidence for f in found)


def test_a_cell_that_was_kept_and_whose_run_is_gone_fails_even_if_it_was_measured_again():
    again = of_sweep(64, run_id="again", sweep=None, job=None)
    found = ask(again, of_sweep(128), sweeps=over("FINISHED", (JOBS[0], "run-64")))
    assert JOBS[0] in the_fail(found).evidence


@pytest.mark.parametrize("reused", [(JOBS[0], "run-128"), ("batch=1,seq_len=256", "run-64"), ("", "")])
def test_a_kept_run_stands_for_no_job_that_its_plan_denies(reused):
    assert JOBS[0] in the_fail(ask(of_an_earlier_sweep(64), of_sweep(128), sweeps=over("FINISHED", reused))).evidence


@pytest.mark.parametrize("where", ["planned", "failed"])
def test_a_number_of_sessions_that_a_stranger_wrote_costs_no_memory(where):
    made = b.record(sessions=2)
    stranger, planned = 10**6, replace(made.plan.protocol, sessions=10**6)
    if where == "failed":
        planned = replace(planned, stopping=OBRIEN_FLEMING)
        made = replace(made, failures=(Failure(stranger - 1, "timing", "died", None, ""),))
        made = replace(made, looks=(Look(2, "faster", 0.1, 0.2, True),))
    made = replace(made, plan=replace(made.plan, protocol=planned))
    tracemalloc.start()
    try:
        gap = session_gap(made)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    missing = stranger - 2 - len(made.failures)
    assert f"session 2, 3, 4 and {missing - 3} more neither measured nor failed" in gap
    assert most_bytes < 2**20


def test_a_failure_of_a_session_that_was_not_planned_makes_up_for_none():
    made = b.record(sessions=2)
    planned = replace(made.plan.protocol, sessions=4)
    made = replace(made, failures=(Failure(7, "timing", "died", None, ""), Failure(-1, "timing", "died", None, "")))
    gap = session_gap(replace(made, plan=replace(made.plan, protocol=planned)))
    assert "session 2, 3 neither measured nor failed" in gap
