"""One session each with an executor that harms its process: the failure says what happened, nothing is left over."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from ace.domain.plan import CellPlan, ExecutorSpec
from ace.measure.messages import Answer, Task
from ace.measure.workshop import Given, Workshop
from ace.wiring import compose_config, plan_of
from tests.integration import misbehaving

SMALL = ["model=encoder", "hidden=64", "depth=2", "seq_len=16", "executor=identity", "inputs.rivals=null"]
LIMIT_S = 30.0
pytestmark = pytest.mark.slow


class Words:
    """32 documents of 16 random words."""

    ids = np.random.default_rng(0).integers(1000, 30000, (32, 16))
    mask = np.ones((32, 16), dtype=np.int64)


def plan_for(executor: str, limit_s: float = LIMIT_S, module: str = "misbehaving", **parameters: object) -> CellPlan:
    plan = plan_of(compose_config([*SMALL, "protocol.rounds=2"]))
    spec = ExecutorSpec(f"tests.integration.{module}.{executor}", tuple(sorted(parameters.items())))
    return replace(plan, executor=spec, protocol=replace(plan.protocol, session_limit_s=limit_s))


def session_of(plan: CellPlan, folder: Path) -> Answer:
    shop = Workshop(folder / "attempt", folder / "cache", 1, "test")
    documents: Given = Words()
    shop.lay_out(documents, None)
    return shop.run(Task.SESSION, plan, time.time())


def log_of(folder: Path) -> bytes:
    return (folder / "attempt" / "session-00" / "worker.log").read_bytes()


@pytest.mark.parametrize(
    ("executor", "stage", "kind", "said"),
    [
        ("ExitsInPrepare", "prepare", "raised", "SystemExit: nothing to do"),
        ("ExitsWhenTimed", "timing", "raised", "SystemExit: 0"),
        ("DiesWhenTimed", "process", "died", "exited with code 0 and left no answer"),
        ("KilledWhenTimed", "process", "died", "SIGKILL: by the out-of-memory killer"),
        ("FindsNoMemory", "timing", "raised", "MemoryError"),
        ("ForksWhenTimed", None, "forked", "the candidate arm forked the process that measures"),
    ],
)
def test_an_executor_that_ends_or_doubles_its_process_is_one_failure_that_says_so(
    executor: str, stage: str | None, kind: str, said: str, tmp_path: Path
) -> None:
    answer = session_of(plan_for(executor), tmp_path)
    assert answer.session is None
    assert answer.failure is not None
    assert (answer.failure.session, answer.failure.kind) == (0, kind)
    assert stage is None or answer.failure.stage == stage
    assert said in answer.failure.detail


def test_an_executor_that_sleeps_for_ever_in_a_timed_call_is_ended_at_the_limit(tmp_path: Path) -> None:
    answer = session_of(plan_for("HangsWhenTimed", limit_s=6.0), tmp_path)
    assert answer.failure is not None
    assert (answer.failure.kind, "limit of 6 s" in answer.failure.detail) == ("hung", True)


def test_a_thread_that_an_executor_left_costs_the_session_no_time(tmp_path: Path) -> None:
    answer = session_of(plan_for("LeavesThread"), tmp_path)
    assert answer.session is not None
    assert answer.session.probes.company.threads_after > answer.session.probes.company.threads_before


def test_a_process_that_left_the_workers_group_is_named_and_does_not_outlive_the_session(tmp_path: Path) -> None:
    answer = session_of(plan_for("LeavesDaemon"), tmp_path)
    assert answer.session is not None
    assert answer.session.probes.company.children_after != ()
    left = [p.info["cmdline"] for p in psutil.process_iter(["cmdline"])]
    assert [line for line in left if misbehaving.MARK in " ".join(line or [])] == []


def test_what_an_executor_prints_fills_no_disk_and_its_first_and_last_words_are_kept(tmp_path: Path) -> None:
    answer = session_of(plan_for("Chatters"), tmp_path)
    assert answer.session is not None
    log = log_of(tmp_path)
    assert len(log) < 200_000
    assert log.startswith(b"a first word")
    assert b"bytes left out" in log
    assert log.rstrip().endswith(b"a last word")


def test_a_failure_quotes_no_more_than_the_last_words_of_a_chatterer(tmp_path: Path) -> None:
    answer = session_of(plan_for("Chatters", dies=True), tmp_path)
    assert answer.failure is not None
    assert "exited with code 3" in answer.failure.detail
    assert answer.failure.detail.endswith("a last word")
    assert len(answer.failure.detail) < 2000


def test_a_sham_that_cannot_be_run_costs_the_candidate_nothing(tmp_path: Path) -> None:
    session = session_of(plan_for("BrokenSham", module="deceiving"), tmp_path).session
    assert session is not None
    assert "sham" not in {t.arm for t in session.timings}
    assert "(1, 3)" in str(session.probes.why_not("sham"))
