"""Which cells a rerun keeps, which it measures, and what it says of the time."""

from dataclasses import replace

import pytest

from ace.cell import Attempt
from ace.cli.planning import Outlook
from ace.cli.remaining import Ahead, Cost
from ace.cli.resuming import LeftOut, complete, pass_over
from ace.cli.since import changed_since, why_anew
from ace.cli.sweep import job_name
from ace.domain.record import Failure
from ace.holdout import AlreadyMeasured
from ace.wiring import Resuming
from tests import builders as b

DEFAULT = Resuming(resume=True, failed_only=False, dry_run=False, fail_fast=False)
FAILED_ONLY = replace(DEFAULT, failed_only=True)
REST = "libraries, Python, environment variables or sources of its model, documents or rivals"
NOW = Attempt("a", b.plan(), b.record().code, b.record().weights, None, None, 0.0, ())
FAILURE = Failure(3, "session", "died", "candidate", "killed")


def test_a_complete_cell_is_kept_and_named_by_its_run():
    cell = b.stored(b.record(), run_id="the-run")
    for resuming in (DEFAULT, FAILED_ONLY):
        with pytest.raises(AlreadyMeasured, match="run the-run") as kept:
            pass_over(resuming, [cell], NOW)
        assert (kept.value.record, kept.value.run_id) == (cell.record, "the-run")


@pytest.mark.parametrize(
    "cell",
    [
        b.stored(b.record(), status="FAILED"),
        b.stored(b.record(), status="RUNNING"),
        b.stored(b.record(), problem="the record was altered"),
        b.stored(b.record(), record=None, problem="killed"),
        b.stored(b.record(failures=(FAILURE,))),
        b.stored(b.record(sessions=8, of=b.plan(sessions=10))),
        b.stored(b.record(sessions=0, of=b.plan(sessions=10))),
    ],
    ids=["failed", "running", "altered", "killed", "a session failed", "sessions missing", "nothing measured"],
)
def test_an_attempt_that_is_not_complete_is_measured_again(cell):
    assert not complete(cell)
    pass_over(DEFAULT, [cell], NOW)
    pass_over(FAILED_ONLY, [cell], NOW)


def test_of_several_attempts_the_newest_complete_one_is_named():
    cells = [b.stored(b.record(), run_id="first"), b.stored(b.record(seed=1), run_id="second"),
             b.stored(b.record(failures=(FAILURE,)), run_id="third")]  # fmt: skip
    with pytest.raises(AlreadyMeasured, match="run second"):
        pass_over(DEFAULT, cells, NOW)


def test_a_cell_that_was_never_attempted_is_measured_unless_failed_ones_alone_are_asked_for():
    pass_over(DEFAULT, [], NOW)
    with pytest.raises(LeftOut):
        pass_over(FAILED_ONLY, [], NOW)


def test_without_resume_everything_is_measured():
    pass_over(replace(DEFAULT, resume=False), [b.stored(b.record())], NOW)


ALTERED = pytest.mark.parametrize(
    ("changes", "other"),
    [
        ({"plan": b.plan(seq_len=128)}, "plan"),
        ({"code": replace(b.record().code, package_digest="other")}, "sources of ACE"),
        ({"code": replace(b.record().code, executor_digest="other")}, "sources of ACE"),
        ({"weights": (("model.safetensors", "other"),)}, "weights"),
    ],
    ids=["plan", "ACE", "the idea", "weights"],
)


@ALTERED
def test_a_run_under_an_edited_key_is_no_attempt_at_the_cell(changes, other):
    cell = b.stored(replace(b.record(), **changes))
    assert complete(cell)
    pass_over(DEFAULT, [cell], NOW)
    with pytest.raises(LeftOut):
        pass_over(FAILED_ONLY, [cell], NOW)
    with pytest.raises(AlreadyMeasured, match="run its-own"):
        pass_over(DEFAULT, [b.stored(b.record(), run_id="its-own"), cell], NOW)


@ALTERED
def test_that_the_tags_of_a_run_were_edited_is_said(changes, other):
    found = [b.stored(replace(b.record(), **changes), run_id="edited")]
    said = why_anew(None, found, NOW)
    assert said == f"run edited has the key of this cell and a record of other {other}: its tags were edited"
    found.append(b.stored(b.record(), record=None, problem="killed"))
    assert why_anew(None, found, NOW) == "attempted before 1 time(s), and never completely"


def test_a_cell_that_another_host_measured_is_kept_and_the_host_named(monkeypatch):
    cell = b.stored(b.record(), run_id="the-run")
    [host] = {session.environment.host for session in cell.record.sessions}
    for here, told in ((host, r"\(run the-run\)"), ("another", rf"\(run the-run on {host}\)")):
        monkeypatch.setattr("ace.cli.resuming.platform.node", lambda here=here: here)
        with pytest.raises(AlreadyMeasured, match=told):
            pass_over(DEFAULT, [cell], NOW)


def key(plan=None, **changes):
    made = Attempt("a", plan or b.plan(), b.record().code, (("model", "53"),), None, None, 0.0, (("ace", "1"),))
    return replace(made, **changes).cell_key


def test_the_key_changes_with_plan_sources_and_weights_and_with_nothing_else():
    assert key() == key(name="b", sweep="s", job="j", started_at=9.0, code=replace(b.record().code, dirty=True))
    others = [key(b.plan(seq_len=128)), key(b.plan(seed=1_000_000)), key(weights=()), key(measured_by=(("ace", "2"),))]
    assert len({key(), *others}) == 5


@pytest.mark.parametrize(
    ("now", "weights", "told"),
    [
        ({"executor_digest": "other"}, b.record().weights, ["sources of mine"]),
        ({"package_digest": "other", "executor_digest": "other"}, (), ["sources of ACE", "sources of mine", "weights"]),
        ({"commit": "other", "dirty": True}, b.record().weights, [REST]),
    ],
)  # fmt: skip
def test_what_is_not_as_it_was_when_a_cell_was_measured_is_named(now, weights, told):
    measured = b.record(of=b.plan(target="mine.idea.Idea", parameters=()))
    attempt = replace(NOW, plan=measured.plan, code=replace(measured.code, **now), weights=weights)
    assert changed_since(measured, attempt) == told


def test_of_an_idea_that_comes_with_ace_the_sources_are_named_once():
    measured = b.record()
    now = replace(measured.code, package_digest="other", executor_digest="other")
    assert changed_since(measured, replace(NOW, code=now)) == ["sources of ACE"]


def test_how_a_command_is_carried_out_is_no_part_of_the_name_of_its_jobs():
    named = job_name(["seq_len=64", "resume=false", "+rerun=failed", "dry_run=true", "fail_fast=true", "batch=1"])
    assert named == "batch=1,seq_len=64"


def test_the_time_is_estimated_from_earlier_cells_and_not_without_them():
    outlook = Outlook([Ahead(64, 1, ()), Ahead(64, 2, ())], kept=2)
    [line] = outlook.lines()
    assert "2 of 4 cells would be measured" in line
    assert "nobody knows" in line
    outlook.done = [Cost(Ahead(64, 1, ()), 10.0, 20.0, 30.0)]
    assert outlook.lines() == ["2 of 4 cells would be measured, in about 2 min by the times of 1 earlier cell(s)"]
    assert Outlook(kept=2, done=[]).lines() == ["0 of 2 cells would be measured"]
