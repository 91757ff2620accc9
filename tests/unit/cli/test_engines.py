"""An engine that gives up is told in a line; what a job did itself keeps its traceback."""

import re
import sys
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import TimeoutError as LateError
from types import ModuleType

import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError
from submitit import AutoExecutor
from submitit.core.utils import FailedJobError, FailedSubmissionError, UncompletedJobError

from ace.cli.engines import gave_up

DIED = """Job 17_0 (task: 0) with path /shared/17_0_0_result.pkl
has not produced any output (state: TIMEOUT)
Error stream produced:
----------------------------------------
Traceback (most recent call last):
"""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UncompletedJobError(DIED), r"Job 17_0 .*result.pkl has not produced any output \(state: TIMEOUT\)\. Cells"),
        (FailedSubmissionError("sbatch: error: invalid partition"), "sbatch: error: invalid partition"),
        (TerminatedWorkerError("A worker process was killed."), "A worker process was killed. Cells"),
        (BrokenProcessPool("gone"), "gone"),
        (LateError(), "did not end within the engine's time limit"),
    ],
)
def test_what_an_engine_gave_up_is_told_in_one_line(error: Exception, said: str) -> None:
    line = gave_up(error)
    assert line is not None
    assert re.search(said, line)
    assert "\n" not in line
    assert "Traceback" not in line
    assert type(error).__name__ in line


def test_a_ray_worker_that_was_killed_is_told_and_a_task_that_raised_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = ModuleType("ray.exceptions")

    class RayError(Exception):
        pass

    class WorkerCrashedError(RayError):
        pass

    class RayTaskError(RayError):
        pass

    ray.WorkerCrashedError, ray.RayTaskError = WorkerCrashedError, RayTaskError  # type: ignore[attr-defined]
    assert gave_up(WorkerCrashedError("The worker died unexpectedly")) is None  # nobody has loaded Ray
    monkeypatch.setitem(sys.modules, "ray.exceptions", ray)
    assert "The worker died unexpectedly" in (gave_up(WorkerCrashedError("The worker died unexpectedly")) or "")
    assert gave_up(RayTaskError("ZeroDivisionError")) is None


def test_a_cluster_that_is_not_there_is_told(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError) as refused:
        AutoExecutor(tmp_path, cluster="slurm")
    assert "are you indeed on a slurm cluster" in (gave_up(refused.value) or "")


@pytest.mark.parametrize("error", [FailedJobError("trace"), RuntimeError("own"), TimeoutError("own"), OSError("own")])
def test_anything_else_is_a_bug_and_rises(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        raise error
    assert gave_up(raised.value) is None
