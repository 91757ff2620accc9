"""Sessions of a small encoder in real processes, one deceptive executor each: the rule meant for it names it."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ace.decide.dossier import Dossier
from ace.decide.gates.parity import parity
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.plan import CellPlan, ExecutorSpec
from ace.domain.record import CellRecord, Session
from ace.domain.serial import decode
from ace.measure.messages import Task, WorkOrder, write_json
from ace.measure.processes import worker_environment
from ace.measure.workshop import INPUTS, Given, Workshop
from ace.wiring import compose_config, plan_of
from tests.unit.decide import builders as b
from tests.unit.decide.table import laid_out

SMALL = ["model=encoder", "hidden=128", "depth=4", "seq_len=64", "batch=2", "protocol.rounds=4", "inputs.rivals=null"]
POLICY = b.near_term()
pytestmark = pytest.mark.slow


class Words:
    """96 documents of 64 random words."""

    ids = np.random.default_rng(0).integers(1000, 30000, (96, 64))
    mask = np.ones((96, 64), dtype=np.int64)


def plan_for(executor: str, sessions: int, **parameters: object) -> CellPlan:
    plan = plan_of(compose_config([*SMALL, "executor=identity", f"protocol.sessions={sessions}"]))
    return replace(plan, executor=ExecutorSpec(executor, tuple(sorted(parameters.items()))))


def measured(executor: str, folder: Path, sessions: int = 10, **parameters: object) -> CellRecord:
    """Sessions alone, all in one process: no documents are scored."""
    plan = plan_for(executor, sessions, **parameters)
    workshop(folder)
    order = WorkOrder(Task.SESSION, plan, str(folder / "attempt" / INPUTS), 0, 1, time.time(), str(folder))
    write_json(folder / "order.json", order)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.many_sessions", str(folder)],
        env=worker_environment(order),
        start_new_session=True,
    )
    try:
        assert process.wait(300) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    made = decode(tuple[Session, ...], json.loads((folder / "sessions.json").read_text()))
    return replace(b.record(of=plan, loss=None), sessions=made)


def measured_apart(executor: str, folder: Path, sessions: int) -> CellRecord:
    """Each session in a fresh process, as the instrument does it."""
    plan, shop = plan_for(executor, sessions), workshop(folder)
    answers = [shop.run(Task.SESSION, plan, time.time(), index) for index in range(sessions)]
    assert [answer.failure for answer in answers] == [None] * sessions
    made = tuple(answer.session for answer in answers if answer.session is not None)
    return replace(b.record(of=plan, loss=None), sessions=made)


def workshop(folder: Path) -> Workshop:
    shop = Workshop(folder / "attempt", folder / "cache", 1, "test")
    documents: Given = Words()
    shop.lay_out(documents, None)
    return shop


def judged(record: CellRecord) -> Dossier:
    return laid_out(b.stored(record))


def blocks(record: CellRecord) -> dict[str, Finding]:
    """Blocking rules that fire. The made-up peak of the record says nothing of this machine."""
    return {
        f.name: f
        for f in judged(record).doubts
        if f.severity is Severity.BLOCK and f.outcome is Outcome.FAIL and f.name != "too good"
    }


@pytest.mark.parametrize(
    ("executor", "rule", "said"),
    [
        ("ReadsHalf", "truncated", "replaced tokens"),
        ("Caches", "cached", "repeated input"),
        ("FillsLater", "late work", "outputs changed"),
        ("KnowsTheTimer", "disguise", "disguised call"),
        ("ShamWins", "sham wins", "the sham gains"),
        pytest.param("WorksOn", "late work", "after a call of the candidate", marks=pytest.mark.slow),
        pytest.param("LeavesChild", "late work", "children left: python", marks=pytest.mark.slow),
        pytest.param("PatchesTorch", "touched baseline", "functional.gelu", marks=pytest.mark.slow),
    ],
)
def test_a_lie_that_timed_calls_believe_is_named_by_its_rule(
    executor: str, rule: str, said: str, tmp_path: Path
) -> None:
    found = blocks(measured(f"tests.integration.deceiving.{executor}", tmp_path))
    assert rule in found
    assert re.search(said, found[rule].evidence)
    assert found[rule].next_step


def test_a_slowed_clock_does_not_reach_the_timer_and_is_named(tmp_path: Path) -> None:
    record = measured_apart("tests.integration.slowing_clock.SlowsTheClock", tmp_path, 1)
    [session] = record.sessions
    assert session.probes.clock.parent_s == pytest.approx(session.measuring_s, abs=0.2)
    assert "time.perf_counter" in blocks(record)["clock"].evidence


def test_a_baseline_slowed_down_where_no_digest_looks_is_named_by_its_speed(tmp_path: Path) -> None:
    found = blocks(measured_apart("tests.integration.deceiving.SlowsTheBaseline", tmp_path, 9))
    assert "slower than before in 3 sessions" in found["touched baseline"].evidence


def test_threads_taken_in_timed_calls_and_given_back_at_the_end_fail_parity(tmp_path: Path) -> None:
    record = measured("tests.integration.deceiving.TakesThreads", tmp_path, 3)
    found = [f for f in parity(judged(record), POLICY) if f.outcome is Outcome.FAIL]
    assert [f.evidence.split(":")[0] for f in found if f.evidence.startswith("threads")] == ["threads"]


def test_a_sham_that_cannot_be_run_costs_the_candidate_nothing(tmp_path: Path) -> None:
    [session] = measured("tests.integration.deceiving.BrokenSham", tmp_path, 1).sessions
    assert "sham" not in {t.arm for t in session.timings}
    assert "(2, 3)" in str(session.probes.why_not("sham"))


@pytest.mark.parametrize(
    ("executor", "parameters"),
    [
        ("ace.executors.identity.Identity", {}),
        ("ace.executors.token_pruning.TokenPruning", {"keep_ratio": 0.5, "prune_at": (0.0, 0.5)}),
        ("ace.executors.token_merging.TokenMerging", {}),
        ("ace.executors.int8_quantization.Int8Quantization", {}),
        ("ace.executors.truncation.Truncation", {"keep_ratio": 0.5}),
        ("ace.executors.low_rank.LowRank", {}),
    ],
)
def test_honest_ideas_pass_every_rule_about_probes(
    executor: str, parameters: dict[str, object], tmp_path: Path
) -> None:
    record = measured(executor, tmp_path, **parameters)
    assert blocks(record) == {}
    answered = {f.name: f.outcome for f in judged(record).doubts}
    for rule in ("clock", "cached", "disguise", "truncated", "late work", "touched baseline"):
        assert answered[rule] is Outcome.PASS, rule
    assert answered["sham wins"] in (Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.NO_EVIDENCE)
