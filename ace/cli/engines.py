"""What an engine says when it gives up a job, or a whole sweep: no fault of ACE's, so one line and no traceback.

Asked by `launch` for what Hydra's launcher raised. joblib, Slurm's submitit and Ray are extras: their exceptions are
known by name, and none of them is imported for it. What a job itself raised, in whatever process, is not told here: but
for an AceError it is a bug, and rises.
"""

import sys
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor
from multiprocessing import TimeoutError as LateError
from traceback import walk_tb

LATE = "a job did not end within the engine's time limit"
GIVEN_UP = {
    "submitit.core.utils": ("UncompletedJobError", "FailedSubmissionError"),
    "ray.exceptions": (
        "WorkerCrashedError", "NodeDiedError", "LocalRayletDiedError", "OutOfMemoryError", "OutOfDiskError",
        "ObjectLostError", "TaskCancelledError", "TaskUnschedulableError", "RuntimeEnvSetupError", "RaySystemError",
    ),
}  # fmt: skip
OF_A_JOB = {"submitit.core.utils": ("FailedJobError",)}  # with the job's own traceback in it
NOT_THERE = (RuntimeError, ConnectionError)  # raised by the engine itself where there is no cluster
SHOWN_LINES = 2  # what follows in a message is what the job printed


def gave_up(error: Exception) -> str | None:
    """The line to show where an engine gave up; None for anything else."""
    if isinstance(error, _kinds(OF_A_JOB)):
        return None
    mine = isinstance(error, (BrokenExecutor, LateError, *_kinds(GIVEN_UP)))
    if not mine and not (isinstance(error, NOT_THERE) and _raised_by(error) in ("submitit", "ray")):
        return None
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = " ".join(lines[:SHOWN_LINES]) or (LATE if isinstance(error, LateError) else "it does not say why")
    return (
        f"the engine gave up ({type(error).__name__}): {said.rstrip('.')}. Cells that were measured are kept: "
        "the same command measures the others"
    )


def _kinds(named: Mapping[str, tuple[str, ...]]) -> tuple[type[Exception], ...]:
    """Those exceptions whose engine this process has loaded, in the version that is installed."""
    loaded = [(sys.modules[module], names) for module, names in named.items() if module in sys.modules]
    return tuple(getattr(module, name) for module, names in loaded for name in names if hasattr(module, name))


def _raised_by(error: Exception) -> str:
    """The top-level package of the innermost frame."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return str(frames[-1].f_globals.get("__name__", "")).partition(".")[0] if frames else ""
