from dataclasses import replace

from ace.decide.gates.integrity import integrity
from ace.domain.finding import Outcome
from ace.domain.session import Timings
from tests.unit.decide import builders as b
from tests.unit.decide.table import each_session, laid_out, outcomes, the_fail

POLICY = b.near_term()


def ask(*cells):
    return list(integrity(laid_out(*cells), POLICY))


def test_an_untouched_store_passes():
    assert outcomes(ask(b.stored(b.record()), b.stored(b.record(of=b.plan(seq_len=128))))) == {Outcome.PASS}


def test_a_record_whose_bytes_changed_fails():
    assert "the run says" in the_fail(ask(b.stored(b.record(), record_digest="0" * 64))).evidence


def test_a_record_that_is_gone_fails():
    lost = b.stored(b.record(), run_id="lost", record=None, problem="record.json is missing")
    assert "record.json is missing" in the_fail(ask(b.stored(b.record(seed=1)), lost)).evidence


def test_a_digest_that_is_gone_fails():
    assert "is gone" in the_fail(ask(b.stored(b.record(), tagged_digest=None))).evidence


def test_a_record_under_another_plan_fails():
    assert "not the plan of the run" in the_fail(ask(b.stored(b.record(), plan=b.plan(seed=9)))).evidence


def test_an_attempt_that_died_before_it_wrote_is_not_held_against_the_store():
    dead = b.stored(b.record(), run_id="dead", status="KILLED", record=None, record_digest=None, tagged_digest=None)
    assert outcomes(ask(b.stored(b.record()), dead)) == {Outcome.PASS}


def test_one_trial_stored_as_two_runs_is_one_trial():
    made = b.record()
    copy = replace(made, attempt="another", plan=replace(made.plan, seed=1))
    found = the_fail(ask(b.stored(made, "first"), b.stored(copy, "second")))
    assert "run second session 0 repeats run first session 0" in found.evidence


def test_one_session_under_two_indices_of_a_record_is_one_session():
    made = b.record()
    copied = replace(made, sessions=(*made.sessions[:9], replace(made.sessions[0], index=9)))
    assert "repeated to the last digit" in the_fail(ask(b.stored(copied))).evidence


def test_a_copy_whose_timings_were_moved_a_little_is_known_by_its_processor_time():
    def slower(session):
        moved = (replace(t, wall_s=tuple(s * (1 + 1e-9) for s in t.wall_s)) for t in session.timings)
        return replace(session, timings=tuple(moved))

    made = b.record()
    copy = replace(each_session(made, slower), attempt="another", plan=replace(made.plan, seed=1))
    found = the_fail(ask(b.stored(made, "first"), b.stored(copy, "second")))
    assert "run second session 0 repeats run first session 0" in found.evidence


def test_one_timing_written_many_times_is_seen():
    def flat(session):
        return replace(session, timings=tuple(Timings(t.arm, t.wall_s[:1] * 12, t.cpu_s) for t in session.timings))

    assert "one timing written many times" in the_fail(ask(b.stored(each_session(b.record(), flat)))).evidence


def test_outliers_of_one_arm_that_were_overwritten_are_seen_in_many_sessions_and_not_in_one():
    def capped(only):
        def change(session):
            *rest, own = session.timings
            middle = sorted(own.wall_s)[6]
            wall = tuple(min(t, middle) for t in own.wall_s)
            return replace(session, timings=(*rest, replace(own, wall_s=wall))) if only(session) else session

        return b.stored(each_session(b.record(), change))

    assert "candidate in 10 of 10 sessions" in the_fail(ask(capped(lambda s: True))).evidence
    assert outcomes(ask(capped(lambda s: s.index == 0))) == {Outcome.PASS}


def test_a_coarse_clock_repeats_timings_and_proves_nothing():
    def ticking(session):
        ticks = tuple(replace(t, wall_s=tuple(round(s, 4) for s in t.wall_s)) for t in session.timings)
        return replace(session, timings=ticks, environment=replace(session.environment, clock_resolution_s=1e-4))

    assert outcomes(ask(b.stored(each_session(b.record(), ticking)))) == {Outcome.PASS}


def test_an_arm_copied_from_another_is_seen():
    def copied(session):
        base = session.timings[0]
        return replace(session, timings=(base, *(Timings(t.arm, base.wall_s, t.cpu_s) for t in session.timings[1:])))

    assert "one timing written many times" in the_fail(ask(b.stored(each_session(b.record(), copied)))).evidence


def test_a_data_file_that_changed_between_cells_fails():
    first = replace(b.record(), data=(("train.tab", "one"),))
    second = replace(b.record(of=b.plan(seq_len=128)), data=(("train.tab", "two"),))
    assert "train.tab" in the_fail(ask(b.stored(first), b.stored(second))).evidence


def test_no_digest_at_all_is_no_evidence():
    assert Outcome.NO_EVIDENCE in outcomes(ask(b.stored(replace(b.record(), weights=(), data=()))))


def test_a_baseline_snapshot_that_is_missing_altered_or_anothers_fails():
    made, other = b.stored(b.record()), b.stored(b.record(seed=5))
    assert "its snapshot is gone" in the_fail(ask(replace(made, baseline=None))).evidence
    assert (
        "not named by its content"
        in the_fail(
            ask(
                replace(
                    made, baseline=None, baseline_problem="baseline.json was altered: it is not named by its content"
                )
            )
        ).evidence
    )
    assert "of another baseline" in the_fail(ask(replace(made, baseline=other.baseline))).evidence
