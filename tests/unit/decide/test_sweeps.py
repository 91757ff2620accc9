"""A sweep that found cells measured before, in the evidence of one claim as in that of the whole store."""

from dataclasses import replace

from ace.decide import judge
from ace.decide.commands import measure_again
from ace.decide.gather import gather
from ace.decide.jobs import agrees, covers
from ace.decide.replay import evidence_of
from ace.decide.sweeps import uncovered
from ace.domain.plan import REPLICATE_SEEDS
from ace.domain.stored import StoredSweep
from tests.unit.decide import builders as b

JOB = "batch=1,seq_len=64"


def store():
    """A claim, another claim in the same experiment, and a second sweep that measured neither anew."""
    mine = b.stored(b.record(0.1), run_id="mine", sweep="first", job=JOB)
    plan = b.plan(seq_len=128, parameters=(("keep_ratio", 0.5),))
    other = b.stored(b.record(of=plan), run_id="other", sweep="first", job="batch=1,seq_len=128")
    jobs = (JOB, "batch=1,seq_len=128")
    first = StoredSweep("s1", "first", "FINISHED", 1.0, jobs)
    second = StoredSweep("s2", "second", "FINISHED", 2.0, jobs, (), ((JOB, "mine"), (jobs[1], "other")))
    return b.evidence(mine, other, sweeps=(first, second))


def test_a_sweep_that_kept_a_claims_cell_is_that_claims():
    for case in gather(store()):
        assert [sweep.sweep for sweep in case.sweeps] == ["first", "second"]


def test_a_claims_part_of_the_evidence_gives_the_decision_of_the_whole():
    whole = store()
    for decision in judge(whole, b.near_term()):
        [again] = [d for d in judge(evidence_of(decision.claim, whole), b.near_term()) if d.claim == decision.claim]
        assert replace(again, tuning=()) == replace(decision, tuning=())


def test_a_replicate_answers_for_its_own_job_and_for_no_other():
    plan = b.plan(seed=3 + 2 * REPLICATE_SEEDS)
    cell = b.stored(b.record(of=plan))
    assert agrees(cell, "replicate=2,seed=3")
    assert covers(cell, "replicate=2,seed=3,seq_len=64")
    assert not covers(cell, "replicate=1,seed=3,seq_len=64")
    assert not covers(cell, "seq_len=64,seed=3,replicate=0")


def test_a_cell_measured_once_more_gets_a_seed_that_a_command_may_name():
    cells = [b.stored(b.record(of=b.plan(seed=seed)), run_id=f"run-{seed}") for seed in (0, REPLICATE_SEEDS)]
    [case] = gather(b.evidence(*cells))
    assert "seed=1 replicate=1" in measure_again(case.cells)


def test_a_job_is_uncovered_where_no_measurement_covers_it_however_it_names_its_place():
    cells = [b.stored(b.record(of=b.plan(n, k)), run_id=f"{n}x{k}") for n in (64, 128) for k in (1, 2)]
    cells.append(replace(cells[0], run_id="no plan", plan=None, job="batch=4,seq_len=64"))
    batches, lengths = ("batch=1", "batch=2.0", "batch='2'", "batch=3"), ("seq_len=64", "seq_len=512")
    jobs = [
        *(f"{batch},{length}" for batch in batches for length in lengths),
        "batch=2", "seq_len=64", "seq_len=16", "batch=4,seq_len=64", "batch=1,executor.keep_ratio=0.5,seq_len=64", "",
    ]  # fmt: skip
    alone = [job for job in jobs if not any(covers(cell, job) for cell in cells)]
    assert uncovered(jobs, cells) == alone
    assert 0 < len(alone) < len(jobs)
