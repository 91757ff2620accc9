"""Which code measures: git's word where there is a checkout, and digests of the sources themselves.

Read once a cell by the parent, before anything runs; goes into the run's tags and the record.
"""

import subprocess
from pathlib import Path

from ace.domain.plan import CellPlan, ExecutorSpec
from ace.domain.record import CodeState, Digests
from ace.executors.loading import ACE, NoSource, source_digest
from ace.measure.environment import library_versions, settings_here
from ace.models.loading import model_libraries

NO_EXECUTOR = "none"
NOWHERE = "nowhere"


def code_state(executor: ExecutorSpec | None, folder: Path) -> CodeState:
    """`folder`: whose git checkout to ask; without one, commit and dirty are None and the digests stand alone.

    `executor` is None where no executor of ACE's ran (imported timings).
    """
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain") if commit else None
    package = source_digest("ace.cell")
    own = executor is not None and _package(executor.target) == ACE
    return CodeState(
        commit=commit,
        dirty=None if changes is None else changes != "",
        package_digest=package,
        executor_digest=NO_EXECUTOR if executor is None else package if own else source_digest(executor.target),
    )


def measured_by(plan: CellPlan, code: CodeState) -> Digests:
    """What a plan is carried out by, beside the weights: the sources of ACE and of every package of others that the
    plan names, Python, the libraries, and settings of the environment.  Another one of them makes another measurement.

    code: the state of the same moment; what it has digested is not digested again.
    """
    named = [plan.executor.target, plan.model.target, *(rival.executor.target for rival in plan.rivals)]
    for asked in (plan.benchmark, *plan.further):
        named += [asked.target, *([asked.development] if asked.development else [])]
    digested = {_package(plan.executor.target): code.executor_digest, ACE: code.package_digest}
    for package in {_package(target) for target in named} - set(digested):
        try:
            digested[package] = source_digest(f"{package}.any")
        except NoSource:  # a rival that is nowhere costs itself, once it is to be timed, and no cell
            digested[package] = NOWHERE
    return (*sorted(digested.items()), *library_versions(), *settings_here(), *model_libraries(plan.model))


def _package(target: str) -> str:
    return target.partition(".")[0]


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
