"""What the store holds for an experiment, believed only as far as its bytes agree with their digests.

Judgement sees nothing else. So nothing is skipped here: whatever cannot be read, was altered, was deleted in the UI, or
was measured elsewhere becomes a StoredCell whose `problem` says so. Only decisions, which are conclusions and no
evidence, are passed over; a run that somebody logged by hand is shown as FOREIGN.

A cell with a problem has no record, with one exception: a record that verifies under a status that does not fit it.
"""

import hashlib
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from mlflow.entities import Experiment, Run

from ace.domain.plan import CellPlan
from ace.domain.plausible import impossible
from ace.domain.record import SCHEMA_VERSION, CellRecord
from ace.domain.registration import HoldoutLook, HoldoutOpening, LedgerEntry
from ace.domain.snapshot import Snapshot
from ace.domain.stored import Evidence, StoredCell, StoredRegistration, StoredSweep
from ace.errors import StoreError
from ace.tracking import names
from ace.tracking.artifacts import RunFiles, again
from ace.tracking.declared import is_deleted, other_version, read_registration, read_sweep, started_at, vouched
from ace.tracking.decoding import decoded, read_plan
from ace.tracking.every_run import every_run
from ace.tracking.kinds import FOREIGN, kind_of, written_by_ace
from ace.tracking.ledger import Ledger
from ace.tracking.looks import unlisted_looks
from ace.tracking.store import Store

TRACEBACK = "traceback: "
LINE_LIMIT = 500
"""Characters of a traceback's last line; some errors put a whole file into it."""
SERVER_READERS = 8  # requests at once: what a server with few workers still answers side by side
Stored = StoredCell | StoredSweep | StoredRegistration


def read_evidence(store: Store, experiment: str, ledger: Ledger | None = None) -> Evidence:
    """All attempts, declared sweeps and registrations of `experiment`, oldest first, and the ledger of looks.

    Without a ledger nobody is known to have looked, and a holdout run then answers for itself. Raises StoreError when
    there is no such experiment or the store cannot be read at all.
    """
    found = store.experiment(experiment)
    read = partial(_read_run, store, experiment, str(found.artifact_location))
    runs = every_run(store, str(found.experiment_id))
    with ThreadPoolExecutor(SERVER_READERS) as several:
        # a server is waited for, with each file of each run; files on this machine are not
        read_all = several.map if store.places.folder(str(found.artifact_location)) is None else map
        stored = [of for of in read_all(read, runs) if of is not None]
    cells = tuple(of for of in stored if isinstance(of, StoredCell))
    sweeps = tuple(of for of in stored if isinstance(of, StoredSweep))
    registrations = tuple(of for of in stored if isinstance(of, StoredRegistration))
    entries, broken = _read_ledger(ledger)
    looks = tuple(entry for entry in entries if isinstance(entry, HoldoutLook))
    openings = tuple(entry for entry in entries if isinstance(entry, HoldoutOpening))
    unlisted = unlisted_looks(store, {look.digest for look in looks})
    return Evidence(experiment, cells, sweeps, registrations, looks, broken, openings, unlisted)


def _read_run(store: Store, experiment: str, location: str, run: Run) -> Stored | None:
    """What a run of `experiment` is evidence of; None for a decision, a table or a run that a stranger deleted."""
    files = RunFiles(store, run, location)
    try:
        kind, problem = kind_of(run, _names(files, run))
        if kind == names.CELL:
            return _read_cell(files, run, experiment, problem)
        if kind == names.SWEEP:
            return read_sweep(files, run)
        if kind == names.REGISTRATION:
            return read_registration(files, run, experiment)
        if kind == FOREIGN and not is_deleted(run):
            return replace(_cell(run, problem="not written by ACE; ignored"), status=FOREIGN.upper())
    except StoreError as error:
        return _cell(run, problem=f"a declared {names.SWEEP}: {error}" if _is_sweep(run) else str(error))
    return None


def read_again(store: Store, experiment: str) -> Callable[[StoredCell], bytes | None]:
    """Gives the bytes of an attempt's record as they lie in the store, None where only a server has them."""
    folder = store.places.folder(str(store.experiment(experiment).artifact_location))
    return lambda cell: again(folder, cell.run_id, names.RECORD_FILE)


def read_cell(store: Store, experiment: Experiment, run: Run) -> StoredCell:
    """One attempt, believed no further than in `read_evidence`."""
    files = RunFiles(store, run, str(experiment.artifact_location))
    try:
        _, problem = kind_of(run, _names(files, run))
        return _read_cell(files, run, str(experiment.name), problem)
    except StoreError as error:
        return _cell(run, problem=str(error))


def _read_ledger(ledger: Ledger | None) -> tuple[tuple[LedgerEntry, ...], str | None]:
    try:
        return () if ledger is None else ledger.entries(), None
    except StoreError as error:
        return (), str(error)


def _names(files: RunFiles, run: Run) -> Collection[str]:
    """Of a run's files. Where those of a stranger lie need not be within reach."""
    try:
        return files.names
    except StoreError:
        if written_by_ace(run):
            raise
        return ()


def _read_cell(files: RunFiles, run: Run, experiment: str, misnamed: str | None) -> StoredCell:
    """The attempt of one run; what could be read beside a problem is kept, but for the record."""
    plan: CellPlan | None = None
    record: CellRecord | None = None
    digest: str | None = None
    problems = [problem for problem in (misnamed, _disowned(run)) if problem]
    recorded = names.RECORD_FILE in files.names or names.RECORD_DIGEST in run.data.tags
    if recorded or names.PLAN_FILE in files.names:
        try:
            plan = read_plan(files.read(names.PLAN_FILE), run)
            if plan.experiment != experiment:
                problems.append(f"measured under experiment {plan.experiment!r}, not {experiment!r}; move it back")
        except StoreError as error:
            problems.append(str(error))
    try:
        if recorded:
            raw = files.read(names.RECORD_FILE)
            digest = hashlib.sha256(raw).hexdigest()
            record = _read_record(raw, digest, run)
        else:
            problems.append(_without_record(files, run))
    except StoreError as error:
        problems.append(str(error))
    if problems:
        return _cell(run, plan, None, problems[0], digest)
    cell = _cell(run, plan, record, _misjudged(files, run, record), digest)
    return _with_baseline(cell, files, run)


def _with_baseline(cell: StoredCell, files: RunFiles, run: Run) -> StoredCell:
    """The cell with its snapshot, believed as far as its bytes agree with the digest that it is named by."""
    file, tag = names.BASELINE_FILE, names.BASELINE_DIGEST
    if tag not in run.data.tags:
        return cell
    try:
        raw = vouched(files, run, file, tag, ": it is not named by its content")
        made: Snapshot = decoded(Snapshot, raw, file)
    except StoreError as error:
        return replace(cell, baseline_problem=str(error))
    return replace(cell, baseline=made)


def _cell(
    run: Run,
    plan: CellPlan | None = None,
    record: CellRecord | None = None,
    problem: str | None = None,
    digest: str | None = None,
) -> StoredCell:
    tags = run.data.tags
    return StoredCell(
        run_id=str(run.info.run_id),
        status=str(run.info.status),
        started_at=started_at(run),
        sweep=tags.get(names.SWEEP_ID),
        job=tags.get(names.JOB),
        plan=plan,
        record=record,
        problem=problem,
        record_digest=digest,
        tagged_digest=tags.get(names.RECORD_DIGEST),
    )


def _is_sweep(run: Run) -> bool:
    return bool(run.data.tags.get(names.KIND) == names.SWEEP)


def _disowned(run: Run) -> str | None:
    """Why the run as a whole is no evidence, whatever its files say."""
    if is_deleted(run):
        return (
            "the run was deleted in MLflow, and every attempt counts; "
            f"bring it back with `mlflow runs restore --run-id {run.info.run_id}`"
        )
    return other_version(run)


def _without_record(files: RunFiles, run: Run) -> str:
    """Why there is neither a record nor its digest: the traceback that `abort` left, or that nothing says so."""
    status = str(run.info.status)
    left = [tag for tag in (names.DATA, names.PROVENANCE) if tag in run.data.tags]
    left += ["metrics"] if run.data.metrics else []
    if left:  # written after the record, never without it
        return f"the record was removed: {names.RECORD_FILE} and its digest are gone, but {', '.join(left)} remain"
    if status == "FINISHED":
        return f"FINISHED without a record (no {names.RECORD_FILE}, no tag {names.RECORD_DIGEST})"
    said = _said(files, run)
    if status not in ("FAILED", "KILLED"):
        said = [f"{status}: no record was written"]
    elif not said or not said[0].startswith(TRACEBACK):
        said = ["no record and no traceback", *said]
    missing = [] if names.PLAN_FILE in files.names else [f"{names.PLAN_FILE} is missing"]
    return "; ".join([*said, *missing])


def _misjudged(files: RunFiles, run: Run, record: CellRecord | None) -> str | None:
    """What is odd about the status of a run whose record verifies: with sessions ACE writes FINISHED."""
    if record is None or not record.sessions or run.info.status == "FINISHED":
        return None
    text = f"status says {run.info.status} but its record holds {len(record.sessions)} sessions"
    try:
        return "; ".join([text, *_said(files, run)])
    except StoreError:  # the record is whole; what went wrong after it is a detail
        return text


def _said(files: RunFiles, run: Run) -> list[str]:
    """What was left about the end of a run: by `abort` a traceback, by reconciliation the reason."""
    said = []
    if names.TRACEBACK_FILE in files.names:
        text = files.read(names.TRACEBACK_FILE).decode("utf-8", "replace")
        lines = text.strip().splitlines()
        said += [TRACEBACK + names.clip(line.strip(), LINE_LIMIT) for line in lines[-1:]]
    because = run.data.tags.get(names.KILLED_BECAUSE)
    return [*said, because] if because else said


def _read_record(raw: bytes, digest: str, run: Run) -> CellRecord:
    tags = run.data.tags
    tagged = tags.get(names.RECORD_DIGEST)
    if tagged is None:
        raise StoreError(f"{names.RECORD_FILE} is there, but nothing vouches for it: no tag {names.RECORD_DIGEST}")
    if digest != tagged:
        raise StoreError(f"the record was altered: its sha256 is {digest}, recorded was {tagged}")
    record: CellRecord = decoded(CellRecord, raw, names.RECORD_FILE, SCHEMA_VERSION)
    if (record.attempt, record.plan.digest) != (tags.get(names.ATTEMPT), tags.get(names.PLAN_DIGEST)):
        raise StoreError(f"the record belongs to another run: it is of attempt {record.attempt}")
    if problem := impossible(record):
        raise StoreError(f"{names.RECORD_FILE} cannot be believed: {problem}")
    return record
