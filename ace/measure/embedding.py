"""The examination, in a worker of its own: embeds every document of the benchmark with one arm, untimed.

The embeddings go back to the parent, which scores them: labels never come here. Runs once per (model, executor,
seq_len, split), so that a candidate that cannot work at all is found before any session is paid for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ace.domain.session import BASELINE, CANDIDATE
from ace.domain.workload import Batch, Executor
from ace.measure.arms import declared, prepare, require_unchanged
from ace.measure.failing import ArmError, foreign_code
from ace.measure.inputs import Inputs
from ace.measure.messages import Task, WorkOrder
from ace.measure.order import shuffled_batches
from ace.measure.outputs import relative_error, require_embedding
from ace.models.loading import load_model

LOOKED_AT = 8  # documents
COMPANY = 1e-4  # of the largest output: sums in another order differ by 1e-6, and 1e-3 is what outputs may differ by
BATCH = 32  # documents a call; sessions use the cell's own batch, so the two are independent looks


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """`outputs`: (n, dim) float32. `company`: whether what stands beside a document in a batch changes its output.
    `equivalent`: whether the candidate is declared to compute the baseline's numbers. `prepare_s`: what preparing it
    took."""

    outputs: np.ndarray
    planted: str | None = None
    company: bool = False
    equivalent: bool = False
    prepare_s: float | None = None


def embed(order: WorkOrder, executor: Executor) -> Embedded:
    """Every document with one arm.  Raises ArmError when the arm misbehaves.

    Where company matters, documents are embedded as they are timed: in random batches of the cell's own size.
    """
    plan = order.plan
    inputs = Inputs(Path(order.inputs), np.random.default_rng(plan.seed))
    documents = len(inputs.ids)
    together = 1 if order.alone else BATCH
    if order.task is Task.EMBED_BASELINE:
        return Embedded(_embed(BASELINE, load_model(plan.model), inputs, _in_order(documents, together)))
    first = inputs.batch(range(min(plan.shape.batch, documents)))
    arms = prepare(plan, executor, first, inputs.calibration)
    promised = declared(executor, first)  # a promise that cannot be made is found before any session
    candidate = arms.modules[CANDIDATE]
    _require_same_shape(arms.modules[BASELINE], candidate, first)
    if promised.equivalent and not order.alone:
        # no other shape than the cell's, which a compiler would have to compile as well; and company cannot matter to
        # what has the baseline's numbers, which the scored outputs and the timed ones are both held to
        together, company = plan.shape.batch, False
    else:
        company = not order.alone and _company_matters(candidate, inputs)
    batches = (
        shuffled_batches(documents, plan.shape.batch, plan.seed).tolist()
        if company
        else _in_order(documents, together)
    )
    outputs = _embed(CANDIDATE, candidate, inputs, batches)
    require_unchanged(arms.model, arms.model_digest, "examination")
    return Embedded(outputs, arms.planted, company, promised.equivalent, arms.prepare_s)


def recompute(order: WorkOrder, executor: Executor, batches: np.ndarray) -> np.ndarray:
    """The candidate's outputs for batches that a session timed, in another process.  (m, batch) -> (m, batch, dim)."""
    plan = order.plan
    inputs = Inputs(Path(order.inputs), np.random.default_rng(plan.seed))
    candidate = prepare(plan, executor, inputs.batch(range(plan.shape.batch)), inputs.calibration).modules[CANDIDATE]
    return np.stack([_call(CANDIDATE, candidate, inputs.batch(rows), None).numpy() for rows in batches.tolist()])


def _company_matters(module: nn.Module, inputs: Inputs) -> bool:
    """Whether the first documents come out otherwise together than alone: ranges taken over a batch (torch.ao int8),
    tokens counted over padding. Then a score holds only for batches of the size that it was made with."""
    rows = range(min(LOOKED_AT, len(inputs.ids)))
    together = _call(CANDIDATE, module, inputs.batch(rows), None)
    alone = torch.cat([_call(CANDIDATE, module, inputs.batch([row]), together.shape[1]) for row in rows])
    return relative_error(together, alone) > COMPANY


def _call(arm: str, module: nn.Module, batch: Batch, width: int | None) -> torch.Tensor:
    given = Batch(batch.ids.clone(), batch.mask.clone())
    with foreign_code("examination", arm), torch.inference_mode():
        output = module(given.ids, given.mask)
    if not (torch.equal(given.ids, batch.ids) and torch.equal(given.mask, batch.mask)):
        raise ArmError("examination", "changed input", arm, f"the {arm} arm changed its input; clone it first")
    # a copy: an arm may write its next answer into the same memory
    return require_embedding(output, batch.ids.shape[0], width, "examination", arm).clone()


def _require_same_shape(baseline: nn.Module, candidate: nn.Module, example: Batch) -> None:
    dense = _call(BASELINE, baseline, example, None)
    _call(CANDIDATE, candidate, example, dense.shape[1])


def _in_order(documents: int, size: int) -> list[list[int]]:
    """Batches of one size, the last filled up from the start: what is compiled for a shape meets no other."""
    filled: list[list[int]] = np.resize(np.arange(documents), documents + -documents % size).reshape(-1, size).tolist()
    return filled


def _embed(arm: str, module: nn.Module, inputs: Inputs, batches: Sequence[Sequence[int]]) -> np.ndarray:
    """Outputs of all documents, in their order, from one call a batch; of a document that comes twice, the first."""
    outputs: dict[int, np.ndarray] = {}
    width = None
    for rows in batches:
        made = _call(arm, module, inputs.batch(rows), width).numpy()
        width = made.shape[1]
        for row, output in zip(rows, made, strict=True):
            outputs.setdefault(row, output)
    return np.stack([outputs[row] for row in range(len(inputs.ids))])
