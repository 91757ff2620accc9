from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ace.decide import judge
from ace.decide.replay import evidence_of, replayed
from ace.domain.decision import decision_text
from ace.domain.plan import NATURAL
from ace.domain.stored import StoredSweep
from ace.errors import EvidenceError
from ace.report.carried import packed, unpacked
from tests.unit.decide import builders as b

POLICY = b.near_term()
MINE, OTHERS = (("keep_ratio", 0.7),), (("keep_ratio", 0.5),)


def small(**changes):
    return b.record(0.1, of=b.plan(sessions=2, rounds=2, **changes), sessions=2, loss=None)


def job(record):
    kept = dict(record.plan.executor.parameters)["keep_ratio"]
    return f"batch=1,executor.keep_ratio={kept},seq_len={record.plan.shape.seq_len}"


def of_other_code(record):
    return replace(record, code=replace(record.code, executor_digest="other"))


def of_natural_inputs(record):
    plan = record.plan
    return replace(record, plan=replace(plan, benchmark=replace(plan.benchmark, inputs=NATURAL)))


PLAIN = [small(seq_len=length, parameters=kept) for kept in (MINE, OTHERS) for length in (64, 128)]
RECORDS = [
    *PLAIN,
    small(split="validation"),
    of_other_code(PLAIN[0]),
    of_natural_inputs(PLAIN[1]),
    small(target="elsewhere.TokenPruning"),  # the same label
]
JOBS = sorted({job(record) for record in RECORDS})
STATES = {
    "whole": {},
    "whole all the same": {"status": "KILLED", "problem": "status says KILLED but its record holds 2 sessions"},
    "altered": {"tagged_digest": "0" * 64},
    "lost": {"record": None, "problem": "record.json is gone"},
    "died": {"status": "KILLED", "record": None, "tagged_digest": None, "record_digest": None, "problem": "SIGTERM"},
    "raised": {"status": "FAILED", "record": None, "tagged_digest": None, "problem": "traceback: ValueError"},
    "of unknown plan": {"plan": None},
    "unknown": {"status": "KILLED", "plan": None, "record": None, "tagged_digest": None},
    "not ACE's": {"status": "FOREIGN", "plan": None, "record": None, "tagged_digest": None, "sweep": None, "job": None},
}

attempts = st.tuples(
    st.sampled_from(RECORDS),
    st.sampled_from(["whole"] * 6 + list(STATES)),
    st.sampled_from([None, "one", "one", "two"]),
    st.sampled_from([None, None, *JOBS]),
)
sweeps = st.builds(
    lambda name, status, planned, refused: StoredSweep(
        f"run-{name}", name, status, 1.0, tuple(planned), tuple(refused)
    ),
    st.sampled_from(["one", "two", "nobody's"]),
    st.sampled_from(["FINISHED", "KILLED"]),
    st.lists(st.sampled_from(JOBS), min_size=1, unique=True),
    st.lists(st.sampled_from(JOBS), max_size=1),
)


@st.composite
def stores(draw):
    cells = []
    for index, (record, state, sweep, said) in enumerate(draw(st.lists(attempts, min_size=1, max_size=6))):
        place = {"run_id": f"run-{index}", "started_at": float(index), "sweep": sweep, "job": said or job(record)}
        cells.append(b.stored(record, **{**place, **STATES[state]}))
    return b.evidence(*cells, sweeps=tuple(draw(st.lists(sweeps, max_size=3, unique_by=lambda s: s.sweep))))


def judged(evidence):
    try:
        return judge(evidence, POLICY)
    except EvidenceError:
        return ()


@settings(max_examples=60, deadline=None)
@given(stores())
def test_a_part_of_any_store_gives_the_same_decision_on_a_claim_to_the_last_byte(evidence):
    decisions = judged(evidence)
    assume(decisions)
    for decision in decisions:
        carried = unpacked(dict(packed(decision.claim, evidence_of(decision.claim, evidence))))
        assert carried.problems == ()
        again = replayed(carried.evidence, POLICY, carried.claim)
        assert decision_text(again) == decision_text(decision)


def of_sweep(record, **changes):
    return b.stored(record, **{"sweep": "grid", "job": job(record)} | changes)


def part_for(record, evidence):
    [decision] = [d for d in judge(evidence, POLICY) if d.label == f"{record.plan.executor.short_name} on minilm"]
    return evidence_of(decision.claim, evidence)


def test_what_other_claims_measured_is_left_out():
    mine, other = PLAIN[0], PLAIN[2]
    assert part_for(mine, b.evidence(b.stored(mine), b.stored(other))).cells == (b.stored(mine),)


def test_of_a_shared_sweep_the_other_claims_cells_stay_without_their_records():
    mine, other = PLAIN[0], PLAIN[2]
    grid = StoredSweep("sweep-run", "grid", "FINISHED", 1.0, (job(mine), job(other)))
    kept = part_for(mine, b.evidence(of_sweep(mine), of_sweep(other), sweeps=(grid,)))
    assert kept.cells == (of_sweep(mine), replace(of_sweep(other), record=None))
    assert kept.sweeps == (grid,)


def test_a_record_stays_where_without_it_an_attempt_would_be_taken_for_this_claims():
    mine, other = PLAIN[0], of_other_code(PLAIN[0])
    cells = of_sweep(mine, started_at=2.0), of_sweep(other, started_at=1.0)
    evidence = b.evidence(*cells, sweeps=(StoredSweep("sweep-run", "grid", "FINISHED", 1.0, (job(mine),)),))
    newest = judge(evidence, POLICY)[0]
    assert evidence_of(newest.claim, evidence).cells == cells


def test_another_claims_sweep_is_left_out_and_one_that_nobody_answers_for_stays():
    mine, other = PLAIN[0], PLAIN[2]
    others = StoredSweep("sweep-run", "grid", "FINISHED", 1.0, (job(other),))
    nobodys = StoredSweep("lost-run", "lost", "KILLED", 1.0, (job(mine),))
    kept = part_for(mine, b.evidence(b.stored(mine), of_sweep(other), sweeps=(others, nobodys)))
    assert kept.sweeps == (nobodys,)


def test_what_is_neither_cell_nor_sweep_stays_as_it_is():
    evidence = replace(b.evidence(b.stored(PLAIN[0])), ledger_problem="look 1 does not follow")
    assert part_for(PLAIN[0], evidence) == evidence


def test_a_claim_that_is_not_there_is_an_error_that_names_it():
    evidence = b.evidence(b.stored(PLAIN[0]))
    with pytest.raises(EvidenceError, match="belongs to claim 0123456789ab"):
        replayed(evidence, POLICY, "0123456789abcdef")
    with pytest.raises(EvidenceError, match="belongs to claim 0123456789ab"):
        evidence_of("0123456789abcdef", evidence)
