"""The names under which things lie in the store, shared by writer, reader and reconciliation."""

CELL, SWEEP, DECISION, CALIBRATION = "cell", "sweep", "decision", "calibration"
REGISTRATION, TABLE = "registration", "table"
"""The values of KIND."""

PREFIX = "ace."
KIND = "ace.kind"
SCHEMA = "ace.schema_version"
VERSION = "ace.version"
ATTEMPT = "ace.attempt"
SWEEP_ID = "ace.sweep"
JOB = "ace.job"
SPLIT = "ace.split"
PLAN_DIGEST = "ace.plan_digest"
CELL_KEY = "ace.cell_key"
CLAIM = "ace.claim"
CLAIM_LABEL = "ace.claim_label"
PLANNED_SESSIONS = "ace.planned_sessions"
COMMIT = "ace.code_commit"
DIRTY = "ace.code_dirty"
PACKAGE_DIGEST = "ace.package_sha256"
EXECUTOR_DIGEST = "ace.executor_sha256"
WEIGHTS = "ace.weights_sha256"
DATA = "ace.data_sha256"
BASELINE_FILE = "baseline.json"
BASELINE_DIGEST = "ace.baseline_sha256"
REFUSED_FILE = "refused.json"
REFUSED_DIGEST = "ace.refused_sha256"
RECORD_DIGEST = "ace.record_sha256"
PLANNED_DIGEST = "ace.planned_sha256"
PROVENANCE = "ace.provenance"
VERDICT = "ace.verdict"
KILLED_BECAUSE = "ace.killed_because"
HOST = "ace.host"
BOOT = "ace.boot_id"
PID = "ace.pid"
PROCESS_STARTED = "ace.process_started_at"
NOTE = "mlflow.note.content"
PARENT = "mlflow.parentRunId"
TABLES = "mlflow.loggedArtifacts"

PLAN_FILE = "plan.json"
RECORD_FILE = "record.json"
PLANNED_FILE = "planned.json"
TRACEBACK_FILE = "traceback.txt"
CALIBRATION_FILE = "calibration.json"
REGISTRATION_FILE = "registration.json"
TABLE_FILE = "cells.json"
REGISTRATION_DIGEST = "ace.registration_sha256"
REGISTERED = "ace.registration"
LOOK = "ace.look"
CALIBRATION_DIGEST = "ace.calibration_sha256"

# MLflow's own limits: beyond them it cuts with a warning or refuses the whole batch.
TAG_LIMIT = 8000
PARAM_LIMIT = 6000
NOTE_LIMIT = 5000  # of an experiment's tag


def clip(text: str, limit: int) -> str:
    """`text` within `limit` characters, saying so where it was cut."""
    mark = f" ... (cut; {len(text)} characters)"
    return text if len(text) <= limit else text[: limit - len(mark)] + mark
