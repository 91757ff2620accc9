"""Embeddings and scores of one cell: made in workers, scored here in the parent, where the labels are, and kept.

Serves `examination`. Everything is kept by content, once per (model, executor, seq_len, split), whatever the batch.
"""

import time
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ace.benchmarks.documents import Documents
from ace.benchmarks.loading import load_rated
from ace.domain.canonical import digest
from ace.domain.decode import decode
from ace.domain.plan import BenchmarkSpec, CellPlan, ExecutorSpec
from ace.domain.quality import Quality, Similarity
from ace.domain.record import CodeState
from ace.domain.serial import encode
from ace.measure.cache import cached_array, cached_json
from ace.measure.failing import ArmError
from ace.measure.messages import Task
from ace.measure.workshop import INPUTS, Workshop
from ace.models.loading import model_tokenizer
from ace.quality.similarity import cosines

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """(n, dim) outputs of one arm under the key that they are kept by; see `Answer`."""

    outputs: np.ndarray
    key: str
    company: bool
    equivalent: bool
    prepare_s: float | None


@dataclass(frozen=True, slots=True)
class Desk:
    """Embeddings and scores of one cell, made once and kept by all that they depend on."""

    plan: CellPlan
    code: CodeState
    weights: tuple[tuple[str, str], ...]
    documents: Documents
    shop: Workshop
    calibrating: Documents | None

    @property
    def calibration(self) -> str | None:
        """Identity of the documents to calibrate on."""
        return None if self.calibrating is None else self.calibrating.inputs_digest

    def _model_key(self) -> Any:
        made_by = (self.code.package_digest, metadata.version("torch"))
        return encode((self.plan.model, self.weights, *made_by))

    def _key(self, executor: ExecutorSpec) -> str:
        # a user's executor may rest on code that no digest covers: what it computed is reused within one launch only
        reuse = "always" if executor.target.startswith("ace.") else self.shop.launch
        given = (self.documents.inputs_digest, self.calibration)
        return digest((self._model_key(), *given, encode(executor), self.code.executor_digest, reuse))

    def dense(self) -> np.ndarray:
        """(n, dim) of the baseline."""
        key = digest((self._model_key(), self.documents.inputs_digest))
        return cached_array(self.shop.cache / "embeddings", key, lambda: self._embed(Task.EMBED_BASELINE, self.plan)[0])

    def embedded(self, executor: ExecutorSpec) -> Embedding:
        """One candidate or rival.  Raises ArmError when it misbehaves."""
        alone, key = replace(self.plan, executor=executor, rivals=()), self._key(executor)
        run = lru_cache(partial(self._embed, Task.EMBED_CANDIDATE, alone))  # one worker tells all
        company, equivalent = cached_json(self.shop.cache / "promises", key, lambda: list(run()[1:3]))
        if company:
            key = digest((key, self.plan.shape.batch, self.plan.seed))
        outputs = cached_array(self.shop.cache / "embeddings", key, lambda: run()[0])
        ran = run.cache_info().currsize > 0
        return Embedding(outputs, key, company, equivalent, run()[3] if ran else None)

    def score(self, candidate: Embedding, dense: np.ndarray, numbers: bool) -> Quality:
        """Scores of both arms, example by example; `numbers`: and how nearly their outputs are the same."""
        metric = self.plan.benchmark.metric

        def make() -> Any:
            from ace.quality import scoring  # scikit-learn takes a second to import, and most cells find scores kept

            return encode(scoring.score(dense, candidate.outputs, self.documents, metric, numbers))

        key = digest((candidate.key, self.documents.labels_digest, metric, numbers))
        return decode(Quality, cached_json(self.shop.cache / "quality", key, make))

    def similarity(self, spec: BenchmarkSpec) -> Similarity:
        """Both arms' similarities of a further benchmark's documents.  Raises ArmError when the candidate fails."""
        words = model_tokenizer(self.plan.model)
        rated = load_rated(spec, self.plan.shape.seq_len, self.plan.seed, self.shop.cache, words)
        folder = f"further-{digest(spec.name)[:12]}"  # a benchmark's name is anybody's text
        self.shop.lay_out(rated, self.calibrating, inputs=folder)
        embed = partial(self._embed, plan=replace(self.plan, rivals=()), inputs=folder, alone=True)

        def similar(task: Task, made_by: Any) -> Floats:
            key = digest((made_by, rated.inputs_digest, "alone"))
            return cosines(cached_array(self.shop.cache / "embeddings", key, lambda: embed(task)[0]))

        baseline = similar(Task.EMBED_BASELINE, self._model_key())
        candidate = similar(Task.EMBED_CANDIDATE, self._key(self.plan.executor))
        return Similarity(
            metric=spec.metric,
            documents=len(rated.ids),
            human=tuple(rated.pairs.tolist()),
            baseline=tuple(baseline.tolist()),
            candidate=tuple(candidate.tolist()),
            inputs_digest=rated.inputs_digest,
        )

    def _embed(
        self, task: Task, plan: CellPlan, inputs: str = INPUTS, alone: bool = False
    ) -> tuple[np.ndarray, bool, bool, float | None]:
        """Outputs, whether company matters, whether the candidate is declared equivalent, seconds to prepare it."""
        answer = self.shop.run(task, plan, time.time(), inputs=inputs, alone=alone)
        failure = answer.failure
        if answer.refused is not None:
            raise ArmError("construct", "refused", "candidate", answer.refused)
        if failure is not None:
            raise ArmError(failure.stage, failure.kind, failure.arm, failure.detail)
        outputs: np.ndarray = np.load(self.shop.folder(task.value) / "embeddings.npy", allow_pickle=False)
        return outputs, answer.company, answer.equivalent, answer.prepare_s
