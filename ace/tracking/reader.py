"""What the store holds for an experiment, believed only as far as its bytes agree with their digests.

Judgement sees nothing else. So nothing is skipped here: whatever cannot be read, was altered, was deleted in the UI, or
was put there by someone else becomes a StoredCell whose `problem` says so. Only decisions, which are conclusions and
no evidence, are passed over.
"""

import hashlib
import json
from typing import Any

from mlflow.entities import Run

from ace.domain.canonical import canonical_json
from ace.domain.plan import CellPlan
from ace.domain.record import SCHEMA_VERSION, CellRecord
from ace.domain.serial import decode, encode
from ace.domain.stored import Evidence, StoredCell, StoredSweep
from ace.errors import AceError, StoreError
from ace.tracking import names
from ace.tracking.artifacts import read_artifact
from ace.tracking.store import Store


def read_evidence(store: Store, experiment: str) -> Evidence:
    """All attempts and declared sweeps of `experiment`, oldest first.

    Raises StoreError when there is no such experiment or the store cannot be read at all.
    """
    found = store.experiment(experiment)
    location = str(found.artifact_location)
    cells: list[StoredCell] = []
    sweeps: list[StoredSweep] = []
    for run in store.runs(str(found.experiment_id)):
        kind = run.data.tags.get(names.KIND)
        if kind == names.DECISION:
            continue
        if kind != names.SWEEP:
            cells.append(_read_cell(store, run, location))
            continue
        try:
            sweeps.append(_read_sweep(store, run, location))
        except StoreError as error:
            cells.append(_cell(run, problem=f"a declared sweep: {error}"))
    return Evidence(experiment, tuple(cells), tuple(sweeps))


def _read_cell(store: Store, run: Run, location: str) -> StoredCell:
    """The attempt of one run; what could be read before a problem showed is kept."""
    plan: CellPlan | None = None
    record: CellRecord | None = None
    digest: str | None = None
    problem: str | None = None
    try:
        _require_ours(run)
        plan = _read_plan(read_artifact(store.client, run, location, names.PLAN_FILE), run)
        tagged = _require_tagged(run)
        raw = read_artifact(store.client, run, location, names.RECORD_FILE)
        digest = hashlib.sha256(raw).hexdigest()
        if digest != tagged:
            raise StoreError(f"the record was altered: its sha256 is {digest}, recorded was {tagged}")
        record = _read_record(raw, run)
    except StoreError as error:
        problem = str(error)
    return _cell(run, plan, record, problem, digest)


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
        started_at=_started_at(run),
        sweep=tags.get(names.SWEEP_ID),
        job=tags.get(names.JOB),
        plan=plan,
        record=record,
        problem=problem,
        record_digest=digest,
        tagged_digest=tags.get(names.RECORD_DIGEST),
    )


def _require_ours(run: Run) -> None:
    tags = run.data.tags
    kind, schema = tags.get(names.KIND), tags.get(names.SCHEMA)
    if run.info.lifecycle_stage == "deleted":
        raise StoreError(
            "the run was deleted in MLflow, and every attempt counts; "
            f"bring it back with `mlflow runs restore --run-id {run.info.run_id}`"
        )
    if kind is None:
        raise StoreError(f"not a run of ACE (no tag {names.KIND}); move it to another experiment")
    if schema != str(SCHEMA_VERSION):
        raise StoreError(f"written by another version of ACE: schema {schema}, this one reads {SCHEMA_VERSION}")
    if kind not in (names.CELL, names.SWEEP):
        raise StoreError(f"{names.KIND}={kind} is unknown to this version of ACE")


def _require_tagged(run: Run) -> str:
    """The digest written with the run: without it nothing vouches for a record."""
    tagged = run.data.tags.get(names.RECORD_DIGEST)
    if tagged is not None:
        return tagged
    if run.info.status == "FINISHED":
        raise StoreError(f"FINISHED without the digest of a record (no tag {names.RECORD_DIGEST})")
    because = run.data.tags.get(names.KILLED_BECAUSE)
    raise StoreError(f"{run.info.status}: no record was written" + (f"; {because}" if because else ""))


def _read_plan(raw: bytes, run: Run) -> CellPlan:
    plan: CellPlan = _decode(CellPlan, raw, names.PLAN_FILE)
    if plan.digest != run.data.tags.get(names.PLAN_DIGEST):
        raise StoreError(f"the plan was altered: its digest is {plan.digest}, not that of tag {names.PLAN_DIGEST}")
    return plan


def _read_record(raw: bytes, run: Run) -> CellRecord:
    tags = run.data.tags
    record: CellRecord = _decode(CellRecord, raw, names.RECORD_FILE)
    if (record.attempt, record.plan.digest) != (tags.get(names.ATTEMPT), tags.get(names.PLAN_DIGEST)):
        raise StoreError(f"the record belongs to another run: it is of attempt {record.attempt}")
    return record


def _read_sweep(store: Store, run: Run, location: str) -> StoredSweep:
    if run.info.lifecycle_stage != "deleted":  # a declaration once made stands
        _require_ours(run)
    ended = names.REFUSED_DIGEST in run.data.tags
    return StoredSweep(
        run_id=str(run.info.run_id),
        sweep=run.data.tags.get(names.SWEEP_ID, ""),
        status=str(run.info.status),
        started_at=_started_at(run),
        planned=_read_jobs(store, run, location, names.PLANNED_FILE, names.PLANNED_DIGEST),
        refused=_read_jobs(store, run, location, names.REFUSED_FILE, names.REFUSED_DIGEST) if ended else (),
    )


def _read_jobs(store: Store, run: Run, location: str, name: str, tag: str) -> tuple[str, ...]:
    raw = read_artifact(store.client, run, location, name)
    if hashlib.sha256(raw).hexdigest() != run.data.tags.get(tag):
        raise StoreError(f"{name} was altered")
    jobs: tuple[str, ...] = _decode(tuple[str, ...], raw, name)
    return jobs


def _decode(kind: Any, raw: bytes, name: str) -> Any:
    """A `kind` from its canonical JSON, and from nothing that merely resembles it: one value has one digest."""
    try:
        value = decode(kind, json.loads(raw.decode("utf-8")))
        canonical = canonical_json(encode(value)).encode()
    except (ValueError, AceError, RecursionError, OverflowError) as error:
        raise StoreError(f"{name} cannot be read: {error}") from error
    if canonical != raw:
        raise StoreError(f"{name} is not in canonical form; ACE did not write it")
    return value


def _started_at(run: Run) -> float:
    return float(run.info.start_time) / 1000
