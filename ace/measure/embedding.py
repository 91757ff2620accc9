"""The examination, in a worker of its own: embeds every document of the benchmark with one arm, untimed.

The embeddings go back to the parent, which scores them: labels never come here. Runs once per (model, executor,
seq_len, split), so that a candidate that cannot work at all is found before any session is paid for.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from ace.domain.record import BASELINE, CANDIDATE
from ace.domain.workload import Batch, Executor
from ace.measure.arms import prepare, require_unchanged
from ace.measure.failing import ArmError, foreign_code
from ace.measure.messages import Task, WorkOrder
from ace.measure.outputs import require_embedding
from ace.models.loading import load_model

BATCH = 32  # documents a call; sessions use the cell's own batch, so the two are independent looks


def embed(order: WorkOrder, executor: Executor) -> tuple[np.ndarray, str | None]:
    """(n, dim) float32 embeddings of one arm, and which arm is planted.  Raises ArmError when the arm misbehaves."""
    plan, inputs = order.plan, Path(order.inputs)
    ids = np.load(inputs / "ids.npy", mmap_mode="r", allow_pickle=False)
    mask = np.load(inputs / "mask.npy", mmap_mode="r", allow_pickle=False)
    if order.task is Task.EMBED_BASELINE:
        return _embed(BASELINE, load_model(plan.model), ids, mask), None
    first = slice(0, plan.shape.batch)
    arms = prepare(plan, executor, _batch(ids, mask, first))
    _require_same_shape(arms.modules[BASELINE], arms.modules[CANDIDATE], _batch(ids, mask, first))
    embeddings = _embed(CANDIDATE, arms.modules[CANDIDATE], ids, mask)
    require_unchanged(arms.model, arms.model_digest, "examination")
    return embeddings, arms.planted


def _batch(ids: np.ndarray, mask: np.ndarray, rows: slice) -> Batch:
    return Batch(torch.from_numpy(np.array(ids[rows])), torch.from_numpy(np.array(mask[rows])))


def _call(arm: str, module: nn.Module, batch: Batch, width: int | None) -> torch.Tensor:
    given = Batch(batch.ids.clone(), batch.mask.clone())
    with foreign_code("examination", arm), torch.inference_mode():
        output = module(given.ids, given.mask)
    if not (torch.equal(given.ids, batch.ids) and torch.equal(given.mask, batch.mask)):
        raise ArmError("examination", "changed input", arm, f"the {arm} arm changed its input; clone it first")
    return require_embedding(output, batch.ids.shape[0], width, "examination", arm)


def _require_same_shape(baseline: nn.Module, candidate: nn.Module, example: Batch) -> None:
    dense = _call(BASELINE, baseline, example, None)
    _call(CANDIDATE, candidate, example, dense.shape[1])


def _embed(arm: str, module: nn.Module, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    parts: list[np.ndarray] = []
    for start in range(0, len(ids), BATCH):
        batch = _batch(ids, mask, slice(start, start + BATCH))
        parts.append(_call(arm, module, batch, parts[0].shape[1] if parts else None).numpy())
    return np.concatenate(parts)
