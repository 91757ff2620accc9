"""Before the sessions: can the candidate work at all, and how good are its outputs?

Runs the embedding workers (untimed), scores their embeddings here in the parent, where the labels are, and keeps both
by content: once per (model, executor, seq_len, split), whatever the batch. The embeddings also serve as the scored
outputs that timed ones are compared with.
"""

import time
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib import metadata
from typing import Any

import numpy as np

from ace.benchmarks.documents import Documents
from ace.domain.canonical import digest
from ace.domain.plan import COMPILER, CellPlan, ExecutorSpec, RivalSpec
from ace.domain.record import BASELINE, CANDIDATE, NULL, CodeState, Failure, Quality, RivalResult
from ace.domain.serial import decode, encode
from ace.measure.cache import cached_array, cached_json
from ace.measure.failing import ArmError
from ace.measure.messages import Task
from ace.measure.watching import Watcher
from ace.measure.workshop import Workshop


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """`scored`: (n, dim) embeddings by arm; empty when the examination failed. `failure`: why it did. `rivals`: each
    with its quality, or why it cannot be run; a rival that fails costs the candidate nothing. `company`: whether the
    candidate's outputs depend on what else is in a batch: then no single document's score stands for a timed one."""

    scored: dict[str, np.ndarray]
    quality: Quality | None
    quality_reason: str | None
    failure: Failure | None
    rivals: tuple[RivalResult, ...] = ()
    company: bool = False

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
    scored = {BASELINE: dense, NULL: dense, CANDIDATE: candidate.outputs}
    rivals = tuple(_examine_rival(rival, desk, dense, scored, watcher) for rival in plan.rivals)
    if not plan.model.pretrained:
        reason = f"model {plan.model.name} has random weights: its outputs mean nothing"
        return Examination(scored, None, reason, None, rivals, candidate.company)
    watcher.stage("scoring")
    return Examination(scored, desk.score(candidate, dense), None, None, rivals, candidate.company)


def _examine_rival(
    rival: RivalSpec, desk: "_Desk", dense: np.ndarray, scored: dict[str, np.ndarray], watcher: Watcher
) -> RivalResult:
    """Embed and score one rival; the compiled baseline computes what the baseline does and is only timed."""
    if rival.role == COMPILER:
        return RivalResult(rival.name, rival.role, None, None)
    watcher.stage(f"embedding {len(desk.documents.ids)} documents with {rival.name}")
    try:
        embedded = desk.embedded(rival.executor)
    except ArmError as error:
        return RivalResult(rival.name, rival.role, None, f"{error.kind} at {error.stage}: {error.detail[:500]}")
    if not embedded.company:
        scored[rival.name] = embedded.outputs
    quality = desk.score(embedded, dense) if desk.plan.model.pretrained else None
    return RivalResult(rival.name, rival.role, quality, None)


@dataclass(frozen=True, slots=True, eq=False)
class _Embedded:
    """(n, dim) outputs of one arm under the key that they are kept by; see `Examination.company`."""

    outputs: np.ndarray
    key: str
    company: bool


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
        return cached_array(self.shop.cache / "embeddings", key, lambda: self._embed(Task.EMBED_BASELINE, self.plan)[0])

    def embedded(self, executor: ExecutorSpec) -> _Embedded:
        """One candidate or rival.  Raises ArmError when it misbehaves."""
        alone, key = replace(self.plan, executor=executor, rivals=()), self._key(executor)
        run = lru_cache(partial(self._embed, Task.EMBED_CANDIDATE, alone))  # one worker tells both
        company = bool(cached_json(self.shop.cache / "company", key, lambda: run()[1]))
        if company:
            key = digest((key, self.plan.shape.batch, self.plan.seed))
        return _Embedded(cached_array(self.shop.cache / "embeddings", key, lambda: run()[0]), key, company)

    def score(self, candidate: _Embedded, dense: np.ndarray) -> Quality:
        """Scores of both arms, example by example."""
        metric = self.plan.benchmark.metric

        def make() -> Any:
            from ace.quality import scoring  # scikit-learn takes a second to import, and most cells find scores kept

            return encode(scoring.score(dense, candidate.outputs, self.documents, metric))

        key = digest((candidate.key, self.documents.labels_digest, metric))
        return decode(Quality, cached_json(self.shop.cache / "quality", key, make))

    def _embed(self, task: Task, plan: CellPlan) -> tuple[np.ndarray, bool]:
        answer = self.shop.run(task, plan, time.time())
        failure = answer.failure
        if answer.refused is not None:
            raise ArmError("construct", "refused", "candidate", answer.refused)
        if failure is not None:
            raise ArmError(failure.stage, failure.kind, failure.arm, failure.detail)
        outputs: np.ndarray = np.load(self.shop.folder(task.value) / "embeddings.npy", allow_pickle=False)
        return outputs, answer.company
