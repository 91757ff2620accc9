"""The parent's half of the peak: remembered for a boot, measured again when an arm contradicts it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ace.domain.record import CodeState, Failure, Peak
from ace.domain.session import BASELINE, Session
from ace.measure.machine import machine_peak, settled_peak
from ace.measure.messages import Answer, Task
from ace.measure.watching import Silent
from tests import builders as b

CODE = CodeState(None, None, "package", "executor")
BUSY = replace(b.PEAK, flops_per_s=tuple((dtype, 20e9) for dtype, _ in b.PEAK.flops_per_s))
DEAD = Answer(failure=Failure(None, "process", "died", None, "the worker exited with code 1"))


class Shop:
    """Answers peak orders with what it was given, one after the other."""

    def __init__(self, folder: Path, *answers: Answer) -> None:
        self.cache, self.answers = folder, list(answers)

    def run(self, task: Task, *_: object) -> Answer:
        assert task is Task.PEAK
        return self.answers.pop(0)


def remembered(shop: Shop, code: CodeState = CODE, threads: int = 1) -> Peak:
    plan = b.plan()
    plan = replace(plan, protocol=replace(plan.protocol, threads=threads))
    return machine_peak(plan, code, shop, Silent())  # type: ignore[arg-type]


def settled(peak: Peak, shop: Shop, sessions: list[Session]) -> Peak:
    return settled_peak(peak, sessions, b.plan(), shop, Silent())  # type: ignore[arg-type]


@pytest.fixture
def session() -> Session:
    return b.session(0, np.random.default_rng(0))


def test_a_sweep_measures_the_peak_once(tmp_path: Path) -> None:
    shop = Shop(tmp_path, Answer(peak=b.PEAK))
    assert remembered(shop) == remembered(shop) == b.PEAK


def test_other_threads_and_other_code_have_a_peak_of_their_own(tmp_path: Path) -> None:
    shop = Shop(tmp_path, Answer(peak=b.PEAK), Answer(peak=replace(b.PEAK, threads=2)), Answer(peak=BUSY))
    assert remembered(shop) == b.PEAK
    assert remembered(shop, threads=2).threads == 2
    assert remembered(shop, code=replace(CODE, package_digest="newer")) == BUSY


def test_a_worker_that_fails_leaves_its_reason_and_is_not_remembered(tmp_path: Path) -> None:
    shop = Shop(tmp_path, DEAD, Answer(peak=b.PEAK))
    failed = remembered(shop)
    assert (failed.flops_per_s, failed.reason) == ((), "died: the worker exited with code 1")
    assert remembered(shop) == b.PEAK


def test_a_peak_that_nobody_exceeds_stands(tmp_path: Path, session: Session) -> None:
    assert settled(b.PEAK, Shop(tmp_path), [session]) is b.PEAK


def test_an_arm_faster_than_the_peak_has_it_measured_again_and_the_higher_stands(
    tmp_path: Path, session: Session
) -> None:
    # the baseline does 1 GFLOP in 25 ms: twice what was seen while the machine was busy
    assert settled(BUSY, Shop(tmp_path, Answer(peak=b.PEAK)), [session]).flops_per_s == (
        ("float32", 250e9),
        ("bfloat16", 500e9),
        ("float16", 20e9),
        ("int8", 1000e9),
    )
    assert settled(b.PEAK, Shop(tmp_path), [session]) is b.PEAK


def test_a_second_measurement_that_fails_leaves_the_first(tmp_path: Path, session: Session) -> None:
    assert settled(BUSY, Shop(tmp_path, DEAD), [session]) is BUSY


def test_without_a_peak_there_is_none_to_contradict(tmp_path: Path, session: Session) -> None:
    nothing = Peak(1, (), (), "died")
    assert settled(nothing, Shop(tmp_path), [session]) is nothing
    unseen = replace(
        session, witness=tuple(replace(w, flops_by_dtype=None) for w in session.witness if w.arm == BASELINE)
    )
    assert settled(BUSY, Shop(tmp_path), [unseen]) is BUSY
