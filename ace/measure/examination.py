"""Before the sessions: can the candidate work at all, and how good are its outputs?

Runs the embedding workers (untimed), scores their embeddings here in the parent, where the labels are, and keeps both
by content: once per (model, executor, seq_len, split), whatever the batch. The embeddings also serve as the scored
outputs that timed ones are compared with.
"""

import time
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np

from ace.benchmarks.documents import Documents
from ace.domain.canonical import digest
from ace.domain.plan import CellPlan
from ace.domain.record import CodeState, Failure, Quality
from ace.domain.serial import decode, encode
from ace.measure.cache import cached_array, cached_json
from ace.measure.failing import ArmError
from ace.measure.messages import Task
from ace.measure.watching import Watcher
from ace.measure.workshop import Workshop


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """`scored`: (n, dim) embeddings by arm; empty when the examination failed. `failure`: why it did."""

    scored: dict[str, np.ndarray]
    quality: Quality | None
    quality_reason: str | None
    failure: Failure | None


def examine(
    plan: CellPlan,
    code: CodeState,
    weights: tuple[tuple[str, str], ...],
    documents: Documents,
    shop: Workshop,
    watcher: Watcher,
) -> Examination:
    """Embed with both arms and score.  Never raises for what the candidate does: that becomes `failure`."""
    model_key = encode((plan.model, weights, documents.inputs_digest, code.package_digest, metadata.version("torch")))
    dense_key = digest(model_key)
    # a user's executor may rest on code that no digest covers: what it computed is reused within one launch only
    reuse = "always" if plan.executor.target.startswith("ace.") else shop.launch
    key = digest((model_key, encode(plan.executor), code.executor_digest, reuse))
    try:
        watcher.stage(f"embedding {len(documents.ids)} documents with the baseline")
        dense = cached_array(shop.cache / "embeddings", dense_key, lambda: _embed(Task.EMBED_BASELINE, plan, shop))
        watcher.stage(f"embedding {len(documents.ids)} documents with the candidate")
        candidate = cached_array(shop.cache / "embeddings", key, lambda: _embed(Task.EMBED_CANDIDATE, plan, shop))
    except ArmError as error:
        return Examination({}, None, "the examination failed", error.failure(None))
    scored = {"baseline": dense, "null": dense, "candidate": candidate}
    if not plan.model.pretrained:
        return Examination(scored, None, f"model {plan.model.name} has random weights: its outputs mean nothing", None)
    watcher.stage("scoring")

    def score() -> Any:
        from ace.quality import probe  # scikit-learn takes a second to import, and most cells find their scores kept

        return encode(probe.score(dense, candidate, documents, plan.benchmark.metric))

    kept = cached_json(
        shop.cache / "quality",
        digest((key, documents.labels_digest, plan.benchmark.metric)),
        score,
    )
    return Examination(scored, decode(Quality, kept), None, None)


def _embed(task: Task, plan: CellPlan, shop: Workshop) -> np.ndarray:
    answer = shop.run(task, plan, time.time())
    failure = answer.failure
    if answer.refused is not None:
        raise ArmError("construct", "refused", "candidate", answer.refused)
    if failure is not None:
        raise ArmError(failure.stage, failure.kind, failure.arm, failure.detail)
    embeddings: np.ndarray = np.load(shop.folder(task.value) / "embeddings.npy", allow_pickle=False)
    return embeddings
