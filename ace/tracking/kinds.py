"""What a run is, by all that it carries: one tag, which anybody can set in the UI, does not take evidence away."""

from collections.abc import Collection

from mlflow.entities import Run

from ace.tracking import names

FOREIGN = "foreign"
CELL_TAGS = (names.ATTEMPT, names.PLAN_DIGEST, names.CELL_KEY, names.PLANNED_SESSIONS, names.RECORD_DIGEST)
CELL_FILES = (names.PLAN_FILE, names.RECORD_FILE)
CELL_PARAMS = ("benchmark", "executor", "protocol", "telemetry")
"""Together on no run but a cell's; MLflow has no call that deletes a param."""


def kind_of(run: Run, files: Collection[str]) -> tuple[str, str | None]:
    """How to read a run (CELL, SWEEP, DECISION, TABLE, REGISTRATION, CALIBRATION or FOREIGN) and, where its tag says
    otherwise, the problem.

    `files`: the names of its artifacts. Whatever is neither clearly another kind nor clearly foreign reads as a cell.
    """
    tags = run.data.tags
    said = tags.get(names.KIND)
    cell, sweep = _cell_marks(run, files), _sweep_marks(run, files)
    if not cell and not sweep:
        if not written_by_ace(run):
            return FOREIGN, None
        if said == names.REGISTRATION or names.REGISTRATION_DIGEST in tags or names.REGISTRATION_FILE in files:
            return names.REGISTRATION, None
        if said == names.DECISION and names.VERDICT in tags:
            return names.DECISION, None
        if said == names.TABLE and names.PARENT in tags:
            return names.TABLE, None
        if said == names.CALIBRATION and names.CALIBRATION_DIGEST in tags:
            return names.CALIBRATION, None
    if said == names.CELL or (said == names.SWEEP and not cell):
        return said, None
    return names.CELL, _disagreement(said, cell, sweep)


def written_by_ace(run: Run) -> bool:
    """Whether any tag of a run is one of ACE's."""
    return any(tag.startswith(names.PREFIX) for tag in run.data.tags)


def _disagreement(said: str | None, cell: list[str], sweep: list[str]) -> str:
    shown = f"no tag {names.KIND}" if said is None else f"{names.KIND}={said}"
    if cell or sweep:
        kind = names.CELL if cell else names.SWEEP
        return f"{shown}, but the run has marks of a {kind} ({', '.join(cell or sweep)}); set {names.KIND}={kind} again"
    if said == names.DECISION:
        return f"{shown}, but the run has no verdict (no tag {names.VERDICT})"
    if said is None:
        return f"{shown}, although other tags of ACE are there"
    return f"{shown} is unknown to this version of ACE"


def _cell_marks(run: Run, files: Collection[str]) -> list[str]:
    marks = [tag for tag in CELL_TAGS if tag in run.data.tags] + [file for file in CELL_FILES if file in files]
    return [*marks, "its params"] if all(param in run.data.params for param in CELL_PARAMS) else marks


def _sweep_marks(run: Run, files: Collection[str]) -> list[str]:
    return [tag for tag in (names.PLANNED_DIGEST,) if tag in run.data.tags] + [
        file for file in (names.PLANNED_FILE,) if file in files
    ]
