"""What fooled earlier work, as stored evidence with its expected verdict, beside honest controls that must get through.

Each lie is told on records that are otherwise perfect, so that only the rule meant for it can catch it.
"""

from dataclasses import replace

import pytest

from ace.decide import judge
from ace.domain.decision import Decision, overall
from ace.domain.finding import Outcome
from ace.domain.session import CANDIDATE
from ace.domain.stored import StoredCell, StoredSweep
from ace.domain.verdict import Regime, Verdict
from tests.unit.decide import builders as b

GAIN = 0.122  # 13 %
SHAPES = [(seq_len, batch) for seq_len in (128, 256, 512) for batch in (1, 2, 4)]
IMPLEMENTED = (
    "integrity",
    "complete",
    "parity",
    "instrument",
    "gain",
    "quality",
    "validation",
    "provenance",
    "coverage",
)


def decide(*cells: StoredCell, sweeps: tuple[StoredSweep, ...] = ()) -> Decision:
    [decision] = judge(b.evidence(*cells, sweeps=sweeps), b.near_term())
    return decision


def honest_pair(**changes) -> list[StoredCell]:
    """The same honest cell on development and validation."""
    return [
        b.stored(b.honest(GAIN, b.plan(split=split), difference=-0.007, **changes))
        for split in ("development", "validation")
    ]


def fails(decision: Decision) -> set[str]:
    """Gates and blocking rules that fail."""
    blocks = {f.name for f in decision.findings if f.outcome is Outcome.FAIL and f.severity == "block"}
    return blocks | {f.name for f in decision.gates if f.outcome is Outcome.FAIL}


@pytest.mark.parametrize("seed", range(20))
def test_the_null_candidate_through_the_whole_map_has_no_positive_cell(seed):
    nothing = [
        b.stored(
            b.honest(
                0.0, b.plan(s, n, target="ace.executors.identity.Identity", parameters=()), seed=seed, declared=None
            )
        )
        for s, n in SHAPES
    ]
    decision = decide(*nothing)
    assert [cell for cell in decision.cells if cell.regime is Regime.POSITIVE] == []
    assert decision.claims.speed.cells == ()
    assert decision.verdict in (Verdict.REJECTED_NO_GAIN, Verdict.EXPLORATORY)


def test_an_honest_gain_passes_every_implemented_gate_and_is_exploratory_without_registration():
    decision = decide(*honest_pair())
    assert decision.verdict is Verdict.EXPLORATORY
    for name in (*IMPLEMENTED, "coverage"):
        assert overall(f for f in decision.gates if f.name == name) is Outcome.PASS, name
    assert {cell.regime for cell in decision.cells} == {Regime.POSITIVE}
    assert [f for f in decision.findings if f.outcome is Outcome.FAIL] == []


@pytest.mark.parametrize("seed", range(10))
def test_an_honest_gain_is_not_lost_to_a_rule_by_bad_luck(seed):
    decision = decide(*honest_pair(seed=seed))
    assert decision.verdict is Verdict.EXPLORATORY
    assert decision.claims.speed.cells == ("development 64x1",)


def test_masking_that_is_declared_as_dropping_is_invalid():
    decision = decide(*honest_pair(tokens=(64,) * 6))
    assert decision.verdict is Verdict.INVALID
    assert fails(decision) == {"mechanism absent"}


def test_timed_calls_that_are_not_the_scored_ones_are_invalid():
    def lied(cell):
        sessions = tuple(
            replace(s, checks=tuple(replace(c, scored_error=0.3) if c.arm == CANDIDATE else c for c in s.checks))
            for s in cell.record.sessions
        )
        return b.stored(replace(cell.record, sessions=sessions))

    decision = decide(*map(lied, honest_pair()))
    assert decision.verdict is Verdict.INVALID
    assert fails(decision) == {"timed is not scored"}


def test_a_gain_larger_than_the_work_removed_is_invalid():
    cells = [b.stored(b.honest(0.7, b.plan(split=split))) for split in ("development", "validation")]
    decision = decide(*cells)
    assert decision.verdict is Verdict.INVALID
    assert fails(decision) == {"too good"}


def test_a_candidate_faster_than_the_machine_is_invalid_though_it_declares_nothing():
    # .7 GFLOP seen at dispatch, 2 ms timed: 340 GFLOP/s on a machine that does 250
    cells = [b.stored(b.honest(2.5, b.plan(split=split), declared=None)) for split in ("development", "validation")]
    decision = decide(*cells)
    assert decision.verdict is Verdict.INVALID
    assert fails(decision) == {"too good"}


def test_a_record_that_was_edited_after_it_was_stored_is_invalid():
    slow, validation = b.stored(b.honest(0.0, b.plan())), honest_pair()[1]
    edited = replace(
        slow, record=b.honest(GAIN, b.plan()), record_digest=b.stored(b.honest(GAIN, b.plan())).record_digest
    )
    decision = decide(edited, validation)
    assert decision.verdict is Verdict.INVALID
    assert fails(decision) == {"integrity"}


def test_one_trial_copied_ten_times_is_invalid():
    development, validation = honest_pair()
    made = development.record
    copied = replace(made, sessions=tuple(replace(made.sessions[0], index=i) for i in range(10)))
    decision = decide(b.stored(copied), validation)
    assert decision.verdict is Verdict.INVALID
    assert "integrity" in fails(decision)


def test_a_bad_cell_dropped_from_a_finished_sweep_is_invalid():
    jobs = (
        "batch=1,seq_len=64,split=development",
        "batch=1,seq_len=64,split=validation",
        "batch=1,seq_len=512,split=development",
    )
    cells = [replace(cell, sweep="grid", job=job) for cell, job in zip(honest_pair(), jobs, strict=False)]
    decision = decide(*cells, sweeps=(StoredSweep("sweep", "grid", "FINISHED", 1.0, jobs),))
    assert decision.verdict is Verdict.INVALID
    assert fails(decision) == {"complete"}


def test_sessions_that_were_dropped_because_they_were_slow_are_invalid():
    development, validation = honest_pair()
    kept = sorted(development.record.sessions, key=lambda s: sum(s.wall_s(CANDIDATE)))[:8]
    decision = decide(b.stored(replace(development.record, sessions=tuple(kept))), validation)
    assert decision.verdict is Verdict.INVALID
    assert fails(decision) == {"complete"}


def test_a_candidate_that_took_more_threads_is_invalid():
    def greedy(cell):
        sessions = tuple(
            replace(s, arms=tuple(replace(a, threads_after=4) if a.arm == CANDIDATE else a for a in s.arms))
            for s in cell.record.sessions
        )
        return b.stored(replace(cell.record, sessions=sessions))

    decision = decide(*map(greedy, honest_pair()))
    assert decision.verdict is Verdict.INVALID
    assert fails(decision) == {"parity"}


def test_an_instrument_that_differs_from_itself_is_invalid():
    decision = decide(*honest_pair(null_gain=0.05))
    assert decision.verdict is Verdict.INVALID
    assert "instrument" in fails(decision)


def test_a_holdout_that_was_opened_early_is_invalid():
    peeked = b.stored(b.honest(GAIN, b.plan(split="holdout")))
    decision = decide(*honest_pair(), peeked)
    assert decision.verdict is Verdict.INVALID
    assert fails(decision) == {"frozen"}


def test_a_planted_loss_is_harm():
    cells = [
        b.stored(replace(b.honest(-0.1, b.plan(split=split), declared=None), planted=CANDIDATE))
        for split in ("development", "validation")
    ]
    decision = decide(*cells)
    assert decision.verdict is Verdict.REJECTED_HARM
    assert {cell.regime for cell in decision.cells} == {Regime.COLLAPSE}


def test_a_fast_candidate_that_answers_worse_is_harm():
    cells = [b.stored(replace(cell.record, quality=b.scored(-0.08, changed=0.1))) for cell in honest_pair()]
    decision = decide(*cells)
    assert decision.verdict is Verdict.REJECTED_HARM
    assert fails(decision) == {"quality"}
    assert {cell.regime for cell in decision.cells} == {Regime.COLLAPSE}


def test_quality_on_a_handful_of_examples_never_passes():
    cells = [b.stored(replace(cell.record, quality=b.scored(0.0, n=250, changed=0.0))) for cell in honest_pair()]
    decision = decide(*cells)
    assert overall(f for f in decision.gates if f.name == "quality") is Outcome.NO_EVIDENCE
    assert decision.claims.speed.cells == ()


def test_a_gain_that_validation_does_not_confirm_is_harm():
    development, _ = honest_pair()
    decision = decide(development, b.stored(b.honest(-0.05, b.plan(split="validation"))))
    assert decision.verdict is Verdict.REJECTED_HARM
    assert fails(decision) == {"validation"}


@pytest.mark.parametrize("status", ["RUNNING", "KILLED", "FAILED"])
def test_a_good_cell_that_did_not_finish_is_not_evidence(status):
    null = b.stored(b.honest(0.0, b.plan()))
    unfinished = b.stored(b.honest(GAIN, b.plan(seq_len=128)), status=status, problem="stopped", tagged_digest=None)
    decision = decide(null, unfinished)
    assert [cell.cell for cell in decision.cells] == ["development 64x1"]
    assert decision.claims.speed.cells == ()


def test_repeating_a_null_cell_until_it_wins_is_paid_for():
    wins = 0
    for seed in range(20):
        tries = [b.stored(b.honest(0.0, b.plan(), seed=100 * seed + i)) for i in range(5)]
        wins += decide(*tries).claims.speed.cells != ()
    assert wins == 0
