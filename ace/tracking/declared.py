"""What was declared beside the cells: sweeps before they ran, registrations before their holdout, calibrations.

Each is believed only as far as its bytes agree with the digest that its run names. Used by `reader`, which puts them
beside the attempts at cells.
"""

import hashlib

from mlflow.entities import Run

from ace.domain.calibration import Calibration
from ace.domain.record import SCHEMA_VERSION
from ace.domain.registration import REGISTRATION_SCHEMA_VERSION, Registration
from ace.domain.stored import StoredRegistration, StoredSweep
from ace.errors import StoreError
from ace.tracking import names
from ace.tracking.artifacts import RunFiles
from ace.tracking.decoding import decoded
from ace.tracking.every_run import every_run
from ace.tracking.store import Store


def read_registration(files: RunFiles, run: Run, experiment: str) -> StoredRegistration:
    """What a run registered; deleting it takes nothing back, and what was altered is not believed."""
    run_id = str(run.info.run_id)
    try:
        file, tag = names.REGISTRATION_FILE, names.REGISTRATION_DIGEST
        raw = vouched(files, run, file, tag, ": it is not what was registered")
        made: Registration = decoded(Registration, raw, names.REGISTRATION_FILE, REGISTRATION_SCHEMA_VERSION)
        if made.experiment != experiment:
            raise StoreError(f"registered under experiment {made.experiment!r}, not {experiment!r}; move it back")
    except StoreError as error:
        return StoredRegistration(run_id, None, str(error))
    return StoredRegistration(run_id, made, "its run was deleted in MLflow" if is_deleted(run) else None)


def read_sweep(files: RunFiles, run: Run) -> StoredSweep:
    """What a sweep said beforehand that it would run, and how it ended.  Raises StoreError for what cannot be read."""
    if not is_deleted(run) and (other := other_version(run)):  # a declaration once made stands
        raise StoreError(other)
    ended = names.REFUSED_DIGEST in run.data.tags
    return StoredSweep(
        run_id=str(run.info.run_id),
        sweep=run.data.tags.get(names.SWEEP_ID, ""),
        status=str(run.info.status),
        started_at=started_at(run),
        planned=_read_jobs(files, run, names.PLANNED_FILE, names.PLANNED_DIGEST),
        refused=_read_jobs(files, run, names.REFUSED_FILE, names.REFUSED_DIGEST) if ended else (),
        reused=_read_reused(files, run) if names.REUSED_DIGEST in run.data.tags else (),
    )


def _read_jobs(files: RunFiles, run: Run, name: str, tag: str) -> tuple[str, ...]:
    jobs: tuple[str, ...] = decoded(tuple[str, ...], vouched(files, run, name, tag), name)
    return jobs


def _read_reused(files: RunFiles, run: Run) -> tuple[tuple[str, str], ...]:
    raw = vouched(files, run, names.REUSED_FILE, names.REUSED_DIGEST)
    pairs: tuple[tuple[str, str], ...] = decoded(tuple[tuple[str, str], ...], raw, names.REUSED_FILE)
    return pairs


def vouched(files: RunFiles, run: Run, name: str, tag: str, advice: str = "") -> bytes:
    """A file of a run whose tag holds its digest.  Raises StoreError, ending in `advice`, where they do not agree."""
    raw = files.read(name)
    if hashlib.sha256(raw).hexdigest() != run.data.tags.get(tag):
        raise StoreError(f"{name} was altered{advice}")
    return raw


def latest_calibration(store: Store, experiment: str) -> Calibration | None:
    """What this machine was last found to see, None where it never was.  Raises StoreError for one that was altered."""
    found = store.active_experiment(experiment)
    if found is None:
        return None
    runs = [run for run in every_run(store, str(found.experiment_id)) if names.CALIBRATION_DIGEST in run.data.tags]
    finished = [run for run in runs if run.info.status == "FINISHED" and not is_deleted(run)]
    if not finished:
        return None
    file, tag = names.CALIBRATION_FILE, names.CALIBRATION_DIGEST
    files = RunFiles(store, finished[-1], str(found.artifact_location))
    raw = vouched(files, finished[-1], file, tag, "; run ace-calibrate again")
    made: Calibration = decoded(Calibration, raw, names.CALIBRATION_FILE)
    return made


def is_deleted(run: Run) -> bool:
    """Whether somebody deleted the run in MLflow, which keeps it."""
    return bool(run.info.lifecycle_stage == "deleted")


def other_version(run: Run) -> str | None:
    """That another version of ACE wrote the run, None where this one did."""
    schema = run.data.tags.get(names.SCHEMA)
    if schema == str(SCHEMA_VERSION):
        return None
    return f"written by another version of ACE: schema {schema}, this one reads {SCHEMA_VERSION}"


def started_at(run: Run) -> float:
    """When the run began, in seconds since 1970."""
    return float(run.info.start_time) / 1000
