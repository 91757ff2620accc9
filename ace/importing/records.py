"""From the two arms of a file to the record of one cell, with no session and a provenance that says so.

Last step of an import. The cell is the one that the composed configuration names: a file of timings does not know which
model or shape it timed. What only measuring could know (quality, witness, outputs, null arm) is missing, and says why.
"""

import hashlib
from dataclasses import replace

from ace.domain.plan import FIXED, CellPlan, ExecutorSpec, Protocol
from ace.domain.record import SCHEMA_VERSION, CellRecord, CodeState, Imported
from ace.importing.arms import Pair

NOT_MEASURED = "imported timings come without outputs to score"


def imported_plan(of: CellPlan, pair: Pair) -> CellPlan:
    """The cell, claimed for what the file calls its arms: never pooled with a claim that ACE measured itself."""
    names = (("baseline", pair.baseline.name), ("candidate", pair.candidate.name))
    sessions = min(len(pair.baseline.seconds), len(pair.candidate.seconds))
    # rounds, warm-up and limits were another tool's; the smallest that a plan can hold stand there
    protocol = Protocol("imported", sessions, 2, 1, 1e-9, 1, 1.0, FIXED)
    executor = ExecutorSpec(f"imported.{pair.tool.replace('-', '_')}", names)
    model = replace(of.model, name="imported", target="imported.model", pretrained=False)
    return replace(of, rivals=(), further=(), executor=executor, model=model, protocol=protocol)


def imported_record(
    plan: CellPlan, pair: Pair, *, content: bytes, file: str, attempt: str, code: CodeState, at: float
) -> CellRecord:
    """The record of the import.  `content`: the file's bytes; `at`: seconds since the epoch."""
    return CellRecord(
        schema_version=SCHEMA_VERSION,
        attempt=attempt,
        plan=plan,
        sessions=(),
        failures=(),
        documents=(),
        slices=(),
        quality=None,
        quality_reason=NOT_MEASURED,
        further=(),
        first_prepare_s=None,
        planted=None,
        looks=(),
        imported=Imported(
            tool=pair.tool,
            file=file,
            sha256=hashlib.sha256(content).hexdigest(),
            baseline_name=pair.baseline.name,
            candidate_name=pair.candidate.name,
            baseline=pair.baseline.seconds,
            candidate=pair.candidate.seconds,
            order=pair.order,
            order_reason=pair.order_reason,
        ),
        rivals=(),
        memory=(),
        isolated=None,
        peak=None,
        code=code,
        weights=(),
        data=((file, hashlib.sha256(content).hexdigest()),),
        started_at=at,
        ended_at=at,
    )
