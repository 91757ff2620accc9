"""Before the sessions: can the candidate work at all, and how good are its outputs?

Runs the embedding workers (untimed), scores their embeddings here in the parent, where the labels are, and keeps both
by content: once per (model, executor, seq_len, split), whatever the batch. The embeddings also serve as the scored
outputs that timed ones are compared with.
"""

import time
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

import numpy as np

from ace.benchmarks.documents import Documents
from ace.domain.canonical import digest
from ace.domain.plan import COMPILER, CellPlan, ExecutorSpec, RivalSpec
from ace.domain.record import CodeState, Failure, Quality, RivalResult
from ace.domain.serial import decode, encode
from ace.measure.cache import cached_array, cached_json
from ace.measure.failing import ArmError
from ace.measure.messages import Task
from ace.measure.watching import Watcher
from ace.measure.workshop import Workshop


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """`scored`: (n, dim) embeddings by arm; empty when the examination failed. `failure`: why it did. `rivals`: each
    with its quality, or why it cannot be run; a rival that fails costs the candidate nothing."""

    scored: dict[str, np.ndarray]
    quality: Quality | None
    quality_reason: str | None
    failure: Failure | None
    rivals: tuple[RivalResult, ...] = ()

    def runs(self, rival: str) -> bool:
        """Whether a rival can be timed."""
        return any(r.name == rival and r.failure is None for r in self.rivals)


def examine(
    plan: CellPlan,
    code: CodeState,
    weights: tuple[tuple[str, str], ...],
    documents: Documents,
    shop: Workshop,
    watcher: Watcher,
) -> Examination:
    """Embed with both arms and score.  Never raises for what the candidate does: that becomes `failure`."""
    desk = _Desk(plan, code, weights, documents, shop)
    try:
        watcher.stage(f"embedding {len(documents.ids)} documents with the baseline")
        dense = desk.dense()
        watcher.stage(f"embedding {len(documents.ids)} documents with the candidate")
        candidate = desk.embedded(plan.executor)
    except ArmError as error:
        return Examination({}, None, "the examination failed", error.failure(None))
    scored = {"baseline": dense, "null": dense, "candidate": candidate}
    rivals = tuple(_examine_rival(rival, desk, dense, scored, watcher) for rival in plan.rivals)
    if not plan.model.pretrained:
        reason = f"model {plan.model.name} has random weights: its outputs mean nothing"
        return Examination(scored, None, reason, None, rivals)
    watcher.stage("scoring")
    return Examination(scored, desk.score(plan.executor, dense, candidate), None, None, rivals)


def _examine_rival(
    rival: RivalSpec, desk: "_Desk", dense: np.ndarray, scored: dict[str, np.ndarray], watcher: Watcher
) -> RivalResult:
    """Embed and score one rival; the compiled baseline computes what the baseline does and is only timed."""
    if rival.role == COMPILER:
        return RivalResult(rival.name, rival.role, None, None)
    watcher.stage(f"embedding {len(desk.documents.ids)} documents with {rival.name}")
    try:
        scored[rival.name] = desk.embedded(rival.executor)
    except ArmError as error:
        return RivalResult(rival.name, rival.role, None, f"{error.kind} at {error.stage}: {error.detail[:500]}")
    quality = desk.score(rival.executor, dense, scored[rival.name]) if desk.plan.model.pretrained else None
    return RivalResult(rival.name, rival.role, quality, None)


@dataclass(frozen=True, slots=True)
class _Desk:
    """Embeddings and scores of one cell, made once and kept by all that they depend on."""

    plan: CellPlan
    code: CodeState
    weights: tuple[tuple[str, str], ...]
    documents: Documents
    shop: Workshop

    def _model_key(self) -> Any:
        made_by = (self.code.package_digest, metadata.version("torch"))
        return encode((self.plan.model, self.weights, self.documents.inputs_digest, *made_by))

    def _key(self, executor: ExecutorSpec) -> str:
        # a user's executor may rest on code that no digest covers: what it computed is reused within one launch only
        reuse = "always" if executor.target.startswith("ace.") else self.shop.launch
        return digest((self._model_key(), encode(executor), self.code.executor_digest, reuse))

    def dense(self) -> np.ndarray:
        """(n, dim) of the baseline."""
        key = digest(self._model_key())
        return cached_array(self.shop.cache / "embeddings", key, lambda: self._embed(Task.EMBED_BASELINE, self.plan))

    def embedded(self, executor: ExecutorSpec) -> np.ndarray:
        """(n, dim) of one candidate or rival.  Raises ArmError when it misbehaves."""
        alone = replace(self.plan, executor=executor, rivals=())
        key = self._key(executor)
        return cached_array(self.shop.cache / "embeddings", key, lambda: self._embed(Task.EMBED_CANDIDATE, alone))

    def score(self, executor: ExecutorSpec, dense: np.ndarray, candidate: np.ndarray) -> Quality:
        """Scores of both arms, example by example."""
        metric = self.plan.benchmark.metric

        def make() -> Any:
            from ace.quality import probe  # scikit-learn takes a second to import, and most cells find scores kept

            return encode(probe.score(dense, candidate, self.documents, metric))

        key = digest((self._key(executor), self.documents.labels_digest, metric))
        return decode(Quality, cached_json(self.shop.cache / "quality", key, make))

    def _embed(self, task: Task, plan: CellPlan) -> np.ndarray:
        answer = self.shop.run(task, plan, time.time())
        failure = answer.failure
        if answer.refused is not None:
            raise ArmError("construct", "refused", "candidate", answer.refused)
        if failure is not None:
            raise ArmError(failure.stage, failure.kind, failure.arm, failure.detail)
        embeddings: np.ndarray = np.load(self.shop.folder(task.value) / "embeddings.npy", allow_pickle=False)
        return embeddings
