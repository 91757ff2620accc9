"""From the bytes of an artifact to a value of the domain, believed only in its one canonical form.

Used by `reader` and `looks`.
"""

from typing import Any

from mlflow.entities import Run

from ace.domain.decode import decode
from ace.domain.parsing import parse_json
from ace.domain.plan import CellPlan
from ace.domain.serial import canonical_text
from ace.domain.swift import swift
from ace.errors import AceError, EvidenceError, StoreError
from ace.tracking import names


def decoded(kind: Any, raw: bytes, name: str, version: int | None = None) -> Any:
    """A `kind` from its canonical JSON, and from nothing that merely resembles it: one value has one digest.

    `version`: the schema that is read, whatever the tags of the run say of it; None for what has none of its own.
    """
    if (quick := swift(kind, raw, version)) is not None:
        return quick
    try:
        made = parse_json(raw)
        _require_version(made, version)
        value = decode(kind, made)
        canonical = canonical_text(value).encode()
    except (ValueError, AceError, OverflowError) as error:
        raise StoreError(f"{name} cannot be read: {error}") from error
    if canonical != raw:
        raise StoreError(f"{name} is not in canonical form; ACE did not write it")
    return value


def read_plan(raw: bytes, run: Run) -> CellPlan:
    """The plan of a run, which its own tag vouches for.  Raises StoreError."""
    plan: CellPlan = decoded(CellPlan, raw, names.PLAN_FILE)
    if plan.digest != run.data.tags.get(names.PLAN_DIGEST):
        raise StoreError(f"the plan was altered: its digest is {plan.digest}, not that of tag {names.PLAN_DIGEST}")
    return plan


def _require_version(made: Any, version: int | None) -> None:
    written = made.get("schema_version") if isinstance(made, dict) else version
    if version is not None and written != version:
        raise EvidenceError(f"another version of ACE wrote it: schema {written!r:.20}, this one reads {version}")
