"""Which code measures: git's word where there is a checkout, and digests of the sources themselves.

Read once a cell by the parent, before anything runs; goes into the run's tags and the record.
"""

import subprocess
from pathlib import Path

from ace.domain.plan import ExecutorSpec
from ace.domain.record import CodeState
from ace.executors.loading import source_digest

NO_EXECUTOR = "none"


def code_state(executor: ExecutorSpec | None, folder: Path) -> CodeState:
    """`folder`: whose git checkout to ask; without one, commit and dirty are None and the digests stand alone.

    `executor` is None where no executor of ACE's ran (imported timings).
    """
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain") if commit else None
    return CodeState(
        commit=commit,
        dirty=None if changes is None else changes != "",
        package_digest=source_digest("ace.cell"),
        executor_digest=NO_EXECUTOR if executor is None else source_digest(executor.target),
    )


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
