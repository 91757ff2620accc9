from dataclasses import replace

import pytest

from ace.decide.gather import gather
from ace.domain.record import CodeState
from ace.errors import EvidenceError
from tests.unit.decide import builders as b


def test_an_empty_experiment_is_an_error_that_says_what_to_run():
    with pytest.raises(EvidenceError, match=r"token_pruning holds no measurement; run `python launch.py"):
        gather(b.evidence())


def test_attempts_that_all_died_are_an_error_that_quotes_the_last_word():
    dead = b.stored(b.record(), status="KILLED", record=None, problem="killed by SIGTERM")
    with pytest.raises(EvidenceError, match=r"1 attempt\(s\) and no record \(1 KILLED\); the last one said: killed by"):
        gather(b.evidence(dead))


def test_two_settings_of_one_executor_are_two_claims_the_newest_first():
    older = b.stored(b.record(of=b.plan(parameters=(("keep_ratio", 0.7),))), started_at=1.0)
    newer = b.stored(b.record(of=b.plan(parameters=(("keep_ratio", 0.5),))), started_at=2.0)
    assert [case.label for case in gather(b.evidence(older, newer))] == [
        "TokenPruning(keep_ratio=0.5) on minilm",
        "TokenPruning(keep_ratio=0.7) on minilm",
    ]


def test_a_repeated_measurement_is_pooled_and_never_picked_from():
    cells = [b.stored(b.record(gain, seed=seed), started_at=seed) for seed, gain in enumerate((0.2, -0.2))]
    [case] = gather(b.evidence(*cells))
    [cell] = case.cells
    assert len(cell.measurements) == 2
    assert len(cell.sessions) == 20


def test_measurements_by_other_code_are_named_and_the_newest_code_is_used():
    old = b.stored(b.record(seed=1), started_at=1.0)
    new = b.stored(replace(b.record(seed=2), code=CodeState("abc", False, "other", "executor")), started_at=2.0)
    [cell] = gather(b.evidence(new, old))[0].cells
    assert cell.conditions.package == "other"
    assert [(conditions.package, len(some)) for conditions, some in cell.others] == [("package", 1)]
    assert cell.looks == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "other"},
        {"cpu_model": "other"},
        {"versions": (("torch", "2.12.0"),)},
        {"variables": (("ATEN_CPU_CAPABILITY", "default"), ("OMP_NUM_THREADS", "1"))},
        {"device": "cuda"},
    ],
)
def test_sessions_from_elsewhere_or_of_other_libraries_or_settings_are_not_pooled(changes):
    here, there = b.record(seed=1), b.record(seed=2)
    moved = tuple(replace(session, environment=b.environment(**changes)) for session in there.sessions)
    cells = [b.stored(here, started_at=1.0), b.stored(replace(there, sessions=moved), started_at=2.0)]
    [cell] = gather(b.evidence(*cells))[0].cells
    assert (len(cell.measurements), len(cell.others)) == (1, 1)


def test_what_scikit_learn_sets_when_it_is_imported_keeps_no_sessions_apart():
    here, there = b.record(seed=1), b.record(seed=2)
    beside = b.environment(variables=(("KMP_INIT_AT_FORK", "FALSE"), ("OMP_NUM_THREADS", "1")))
    imported = tuple(replace(session, environment=beside) for session in there.sessions)
    [cell] = gather(b.evidence(b.stored(here), b.stored(replace(there, sessions=imported))))[0].cells
    assert (len(cell.measurements), len(cell.others)) == (2, 0)


def test_a_measurement_without_sessions_hides_none_that_has_some():
    good = b.stored(b.record(), started_at=1.0)
    empty = b.stored(replace(b.record(seed=1), sessions=()), started_at=2.0)
    [cell] = gather(b.evidence(good, empty))[0].cells
    assert len(cell.sessions) == 10


@pytest.mark.parametrize("status", ["FAILED", "KILLED", "RUNNING"])
def test_no_status_hides_a_whole_record_and_none_makes_evidence_of_an_altered_one(status):
    whole = b.stored(b.record(seed=1), run_id="whole", status=status)
    altered = b.stored(b.record(seed=2), run_id="altered", status=status, tagged_digest="0" * 64)
    [case] = gather(b.evidence(b.stored(b.record()), whole, altered))
    assert len(case.attempts) == 3
    assert [m.record.attempt for m in case.cells[0].measurements] == [b.record().attempt, b.record(seed=1).attempt]


def test_an_attempt_that_left_no_record_counts_with_the_claim_of_its_plan():
    made, other = b.record(), b.record(of=b.plan(parameters=(("keep_ratio", 0.5),)))
    dead = b.stored(made, run_id="dead", status="KILLED", record=None)
    cases = {case.label: case for case in gather(b.evidence(b.stored(made), b.stored(other), dead))}
    assert len(cases["TokenPruning(keep_ratio=0.7) on minilm"].attempts) == 2
    assert len(cases["TokenPruning(keep_ratio=0.5) on minilm"].attempts) == 1


def test_hidden_and_depth_stand_in_the_key_only_when_there_are_several():
    small, large = b.record(of=b.plan(hidden=96, depth=2)), b.record(of=b.plan())
    assert [c.key for c in gather(b.evidence(b.stored(large)))[0].cells] == ["development 64x1"]
    both = gather(b.evidence(b.stored(large), b.stored(small)))[0].cells
    assert [c.key for c in both] == ["development 64x1 h96 d2", "development 64x1 h384 d6"]


def test_a_finished_run_that_lost_its_record_still_gives_a_case_to_judge():
    lost = b.stored(b.record(), record=None, problem="record.json: sha256 differs")
    [case] = gather(b.evidence(lost))
    assert case.cells == ()
