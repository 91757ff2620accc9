"""Leaving a trace before anything is measured, and the evidence after.

`begin` makes the run while the cell is only a plan, so that an attempt which dies is still counted; `finish` stores the
record first and MLflow's summary of it second; `abort` closes what went wrong. A run that nobody closes is closed by
`reconcile`. Only the client is used: the fluent API takes ten times as long and keeps state in the process.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlflow.entities import Metric, Param, Run, RunTag

from ace.domain.canonical import canonical_json, sha256_text
from ace.domain.plan import CellPlan
from ace.domain.record import CellRecord, CodeState, Digests, record_text
from ace.domain.registration import Registration
from ace.domain.serial import encode
from ace.domain.snapshot import snapshot_of
from ace.errors import StoreError
from ace.tracking import describe, names
from ace.tracking.artifacts import write_artifact
from ace.tracking.describe import (
    cell_params,
    cell_tags,
    energy_tags,
    refused_metric,
    refused_provenance,
    run_name,
    run_tags,
)
from ace.tracking.process import this_process
from ace.tracking.store import Store, store_errors


class Tracker:
    """Writes the runs of one experiment, which it makes when it is new."""

    def __init__(self, store: Store, experiment: str) -> None:
        self._store, self._client = store, store.client
        self._experiment_id = store.experiment_id(experiment, create=True)
        self._process = this_process()
        self._artifact_uris: dict[str, str] = {}

    def begin(
        self,
        plan: CellPlan,
        *,
        attempt: str,
        sweep: str | None,
        job: str | None,
        code: CodeState,
        weights: Digests,
        cell_key: str,
        started_at: float,
    ) -> str:
        """The id of a new RUNNING run that holds the plan.  Raises StoreError, and then nothing should be measured."""
        tags = cell_tags(plan, attempt, code, weights, cell_key)
        if sweep is not None:
            tags |= {names.SWEEP_ID: sweep, **self._below(sweep)}
        if job is not None:
            tags[names.JOB] = job
        if plan.registration is not None and plan.look is not None:
            tags |= {names.REGISTERED: plan.registration, names.LOOK: plan.look}
        run = self._create(names.CELL, tags, run_name(plan), _milliseconds(started_at))
        run_id = str(run.info.run_id)
        with store_errors(f"cannot describe run {run_id}"):
            params = [Param(key, value) for key, value in cell_params(plan).items()]
            self._client.log_batch(run_id, params=params)
        self._write(run_id, names.PLAN_FILE, canonical_json(encode(plan)))
        return run_id

    def finish(
        self,
        run_id: str,
        record: CellRecord,
        *,
        summary: Mapping[str, float],
        provenance: Mapping[str, str],
        note: str,
        status: str,
    ) -> None:
        """Store the record and close the run with `status` (FINISHED or FAILED).

        Raises StoreError for a summary that cannot be stored, but only after the record lies safely in the run, which
        is left for `abort`.
        """
        text = record_text(record)
        self._write(run_id, names.RECORD_FILE, text)
        snapshot = snapshot_of(record, sha256_text(text))
        if snapshot is not None:
            self._write(run_id, names.BASELINE_FILE, canonical_json(encode(snapshot)))
        tags = {
            names.RECORD_DIGEST: sha256_text(text),
            names.DATA: names.clip(canonical_json(dict(record.data)), names.TAG_LIMIT),
            names.NOTE: names.clip(note, names.TAG_LIMIT),
        } | energy_tags(record) | ({} if snapshot is None else {names.BASELINE_DIGEST: snapshot.digest})
        with store_errors(f"cannot close run {run_id}; its record is stored"):
            refusal = refused_metric(summary) or refused_provenance(summary, provenance)
            if refusal:
                self._client.log_batch(run_id, tags=_tags(tags))
                raise StoreError(refusal)
            tags[names.PROVENANCE] = canonical_json(dict(provenance))
            self._client.log_batch(run_id, _metrics(summary, _milliseconds(record.ended_at)), tags=_tags(tags))
            self._client.set_terminated(run_id, status, _milliseconds(record.ended_at))

    def abort(self, run_id: str, status: str, traceback_text: str) -> None:
        """Close a run that went wrong with `status` (FAILED or KILLED); what was stored of it stays."""
        # a traceback may quote file names that are no UTF-8; it must not fail for that
        readable = traceback_text.encode("utf-8", "backslashreplace").decode("utf-8")
        try:
            self._write(run_id, names.TRACEBACK_FILE, readable)
        finally:  # on a full disk the run can be closed although nothing can be said of it
            self._terminate(run_id, status)

    def declare_sweep(self, sweep: str, planned: Sequence[str]) -> str:
        """Say what a multirun will measure before it begins: the id of a run of its own that lists the jobs."""
        text = canonical_json(list(planned))
        tags = {names.SWEEP_ID: sweep, names.PLANNED_DIGEST: sha256_text(text)}
        run = self._create(names.SWEEP, tags, f"sweep of {len(planned)} cells")
        run_id = str(run.info.run_id)
        self._write(run_id, names.PLANNED_FILE, text)
        return run_id

    def end_sweep(
        self, run_id: str, status: str, refused: Sequence[str], reused: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Close the run of a sweep with `status` (FINISHED, FAILED or KILLED).

        refused: jobs that could not run; reused: (job, run) of cells that an earlier run had measured.
        """
        texts = {
            (names.REFUSED_FILE, names.REFUSED_DIGEST): canonical_json(list(refused)),
            (names.REUSED_FILE, names.REUSED_DIGEST): canonical_json([list(pair) for pair in reused]),
        }
        for (file, _), text in texts.items():
            self._write(run_id, file, text)
        with store_errors(f"cannot close run {run_id}"):
            tags = {tag: sha256_text(text) for (_, tag), text in texts.items()}
            self._client.log_batch(run_id, tags=_tags(tags))
        self._terminate(run_id, status)

    def log_decision(self, bundle: Path, tags: Mapping[str, str], metrics: Mapping[str, float], note: str) -> str:
        """The id of a new run that holds every file of a decision bundle."""
        refusal = refused_metric(metrics)
        if refusal:
            raise StoreError(refusal)
        clipped = {key: names.clip(value, names.TAG_LIMIT) for key, value in {**tags, names.NOTE: note}.items()}
        run = self._create(names.DECISION, clipped, "decision")
        run_id = str(run.info.run_id)
        with store_errors(f"cannot store the decision in run {run_id}"):
            self._client.log_batch(run_id, _metrics(metrics, run.info.start_time))
            self._client.log_artifacts(run_id, str(bundle))
        self._terminate(run_id, "FINISHED")
        return run_id

    def log_cells(self, decision_run: str, columns: Mapping[str, Sequence[object]]) -> str:
        """The id of a new run below a decision's that holds its cells as a table which MLflow shows and compares.

        By itself, because every file of the decision's own run belongs to the bundle. Written as MLflow's `log_table`
        writes it, without pandas, which takes longer to import than the table to make.
        """
        shown = canonical_json([{"path": names.TABLE_FILE, "type": "table"}])
        run = self._create(names.TABLE, {names.PARENT: decision_run, names.TABLES: shown}, "cells")
        run_id = str(run.info.run_id)
        table = {"columns": list(columns), "data": [list(row) for row in zip(*columns.values(), strict=True)]}
        self._write(run_id, names.TABLE_FILE, canonical_json(table))
        self._terminate(run_id, "FINISHED")
        return run_id

    def note_decisions(self, told: Sequence[tuple[str, str]], compared: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Say in the experiment's note what was decided last. What somebody else wrote above stays.

        told: text and decision run of each claim; compared: title and cell runs of each map that can be compared.
        """
        with store_errors("cannot write the experiment's note"):
            before = self._client.get_experiment(self._experiment_id).tags.get(names.NOTE, "")
            note = describe.note_of(before, self._experiment_id, told, compared)
            self._client.set_experiment_tag(self._experiment_id, names.NOTE, names.clip(note, names.NOTE_LIMIT))

    def _below(self, sweep: str) -> dict[str, str]:
        """The tag that groups a cell's run under that of its sweep; nothing where the sweep has no run."""
        quote = '"' if "'" in sweep else "'"
        wanted = f"tags.`{names.SWEEP_ID}` = {quote}{sweep}{quote} and tags.`{names.KIND}` = '{names.SWEEP}'"
        with store_errors("cannot look up the run of the sweep"):
            found = self._client.search_runs([self._experiment_id], wanted, max_results=1)
        return {names.PARENT: str(found[0].info.run_id)} if found else {}

    def log_registration(self, registration: Registration, note: str) -> str:
        """The id of a new run that holds the registration."""
        text = canonical_json(encode(registration))
        tags = {
            names.REGISTRATION_DIGEST: sha256_text(text),
            names.CLAIM: registration.claim,
            names.CLAIM_LABEL: names.clip(registration.label, names.TAG_LIMIT),
            names.NOTE: names.clip(note, names.TAG_LIMIT),
        }
        run = self._create(names.REGISTRATION, tags, "registration", _milliseconds(registration.frozen_at))
        run_id = str(run.info.run_id)
        self._write(run_id, names.REGISTRATION_FILE, text)
        self._terminate(run_id, "FINISHED")
        return run_id

    def log_calibration(self, text: str, metrics: Mapping[str, float], note: str) -> str:
        """The id of a new run that holds what a machine was found to see."""
        tags = {names.CALIBRATION_DIGEST: sha256_text(text), names.NOTE: names.clip(note, names.TAG_LIMIT)}
        run = self._create(names.CALIBRATION, tags, "calibration")
        run_id = str(run.info.run_id)
        refusal = refused_metric(metrics)
        if refusal:
            raise StoreError(refusal)
        with store_errors(f"cannot describe run {run_id}"):
            self._client.log_batch(run_id, _metrics(metrics, run.info.start_time))
        self._write(run_id, names.CALIBRATION_FILE, text)
        self._terminate(run_id, "FINISHED")
        return run_id

    def _create(self, kind: str, tags: Mapping[str, str], name: str, start_ms: int | None = None) -> Run:
        """A new run, with all its tags in the one transaction that makes it."""
        all_tags = {**tags, **run_tags(kind), **self._process.tags()}
        with store_errors("cannot create a run"):
            run = self._client.create_run(self._experiment_id, start_ms, all_tags, name)
        self._artifact_uris[run.info.run_id] = str(run.info.artifact_uri)
        return run

    def _write(self, run_id: str, name: str, text: str) -> None:
        uri = self._artifact_uris.get(run_id)
        if uri is None:
            raise StoreError(
                f"run {run_id} was not begun by this tracker; only the process that began a run may end it"
            )
        write_artifact(self._store, run_id, uri, name, text)

    def _terminate(self, run_id: str, status: str) -> None:
        with store_errors(f"cannot close run {run_id}"):
            self._client.set_terminated(run_id, status)


def _metrics(values: Mapping[str, float], at_ms: int) -> list[Metric]:
    return [Metric(name, float(value), at_ms, 0) for name, value in values.items()]


def _tags(values: Mapping[str, str]) -> list[RunTag]:
    return [RunTag(key, value) for key, value in values.items()]


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
