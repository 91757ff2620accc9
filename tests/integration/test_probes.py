"""Sessions of a small encoder in real processes: lies that take many of them, and honest ideas, of which no rule about
probes may think ill. What a few sessions tell is measured on the real model (tests/deceptions/test_end_to_end.py)."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ace.decide.dossier import Dossier
from ace.domain.decode import decode
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.plan import CellPlan, ExecutorSpec
from ace.domain.record import CellRecord
from ace.domain.session import Session
from ace.measure.messages import Task, WorkOrder, write_json
from ace.measure.processes import worker_environment
from ace.measure.workshop import INPUTS, Given, Workshop
from ace.wiring import compose_config, plan_of
from tests.unit.decide import builders as b
from tests.unit.decide.table import laid_out

SMALL = ["model=encoder", "hidden=128", "depth=4", "seq_len=64", "batch=2", "protocol.rounds=4", "inputs.rivals=null"]
pytestmark = [pytest.mark.slow, pytest.mark.steady]


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
        ("Caches", "cached", "a repeated input takes"),
        ("ReadsHalf", "truncated", "replaced tokens"),
        ("KnowsTheTimer", "disguise", "disguised call"),
        ("ShamWins", "sham wins", "the sham gains"),
        ("WorksOn", "late work", "work outside a call"),
        ("LeavesChild", "late work", "children left: python"),
    ],
)
def test_a_lie_that_timed_calls_believe_is_named_by_its_rule(
    executor: str, rule: str, said: str, tmp_path: Path
) -> None:
    found = blocks(measured(f"tests.integration.deceiving.{executor}", tmp_path))
    assert said in found[rule].evidence


def test_a_baseline_slowed_down_where_no_digest_looks_is_named_by_its_speed(tmp_path: Path) -> None:
    found = blocks(measured_apart("tests.integration.deceiving.SlowsTheBaseline", tmp_path, 9))
    assert "slower than before in 3 sessions" in found["touched baseline"].evidence


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
