"""What is claimed: one executor, with its parameters and its source, on one model and one kind of inputs.

Tracking tags every run with the claim it belongs to and judgement groups records by it; runs of several claims are
never pooled, even within one experiment.
"""

from collections.abc import Iterable

from ace.domain.canonical import digest
from ace.domain.plan import EXACT, CellPlan
from ace.domain.record import CellRecord
from ace.domain.serial import encode


def claim_id(plan: CellPlan, executor_digest: str, weights: Iterable[tuple[str, str]]) -> str:
    """Hex SHA-256 that two cells share exactly when they are evidence for one claim.

    Hidden size, depth (and the heads that follow from them) and every seed are axes of the map within a claim, so they
    are left out; so is all that says how and on which documents it was observed.
    """
    model = plan.model
    return digest(
        {
            "executor": encode(plan.executor),
            "executor_digest": executor_digest,
            "inputs": plan.benchmark.inputs,
            "model": [model.name, model.target, model.positions, model.pretrained],
            "weights": sorted([name, value] for name, value in weights),
        }
    )


def claim_of(record: CellRecord) -> str:
    """The claim that a stored record is evidence for."""
    return claim_id(record.plan, record.code.executor_digest, record.weights)


def claim_label(plan: CellPlan) -> str:
    """The claim in a few words, for people."""
    inputs = "" if plan.benchmark.inputs == EXACT else f", {plan.benchmark.inputs} inputs"
    return f"{plan.executor.short_name} on {plan.model.name}{inputs}"


def model_in(label: str) -> str:
    """Model and kind of inputs, out of the label of a claim."""
    return label.rpartition(" on ")[2]
