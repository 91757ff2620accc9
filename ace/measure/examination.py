"""Before the sessions: can the candidate work at all, and how good are its outputs?

Called by `observe`; the work is done at the `desk`. The embeddings also serve as the scored outputs that timed ones are
compared with.
"""

from dataclasses import dataclass

import numpy as np

from ace.benchmarks.documents import Documents
from ace.domain.plan import UNCHANGED, BenchmarkSpec, CellPlan, RivalSpec
from ace.domain.quality import Further, Quality
from ace.domain.record import CodeState, Failure, RivalResult
from ace.domain.session import BASELINE, CANDIDATE, NULL
from ace.measure.desk import Desk, Embedding
from ace.measure.failing import ArmError
from ace.measure.watching import Watcher
from ace.measure.workshop import Workshop


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """`scored`: (n, dim) embeddings by arm; empty when the examination failed. `failure`: why it did. `rivals`: each
    with its quality, or why it cannot be run; a rival that fails costs the candidate nothing. `further`: the other
    benchmarks of the split. `prepare_s`: what preparing the candidate took, None where its outputs were at hand.
    `company`: whether the candidate's outputs depend on what else is in a batch: then no
    single document's score stands for a timed one."""

    scored: dict[str, np.ndarray]
    quality: Quality | None
    quality_reason: str | None
    failure: Failure | None
    rivals: tuple[RivalResult, ...] = ()
    further: tuple[Further, ...] = ()
    company: bool = False
    prepare_s: float | None = None

    def runs(self, rival: str) -> bool:
        """Whether a rival can be timed."""
        return any(r.name == rival and r.failure is None for r in self.rivals)


def examine(
    plan: CellPlan,
    code: CodeState,
    weights: tuple[tuple[str, str], ...],
    documents: Documents,
    calibrating: Documents | None,
    shop: Workshop,
    watcher: Watcher,
) -> Examination:
    """Embed with both arms and score.  Never raises for what the candidate does: that becomes `failure`."""
    desk = Desk(plan, code, weights, documents, shop, calibrating)
    try:
        watcher.stage(f"embedding {len(documents.ids)} documents with the baseline")
        dense = desk.dense()
        watcher.stage(f"embedding {len(documents.ids)} documents with the candidate")
        candidate = desk.embedded(plan.executor)
    except ArmError as error:
        return Examination({}, None, "the examination failed", error.failure(None))
    scored = {BASELINE: dense, NULL: dense, CANDIDATE: candidate.outputs}
    rivals = tuple(_examine_rival(rival, desk, dense, scored, watcher) for rival in plan.rivals)
    quality, reason = None, None
    if plan.model.pretrained:
        watcher.stage("scoring")
        quality = desk.score(candidate, dense, numbers=True)
    else:
        reason = f"model {plan.model.name} has random weights: its outputs mean nothing"
    further = tuple(_examine_further(spec, desk, candidate, reason, watcher) for spec in plan.further)
    return Examination(scored, quality, reason, None, rivals, further, candidate.company, candidate.prepare_s)


def _examine_further(
    spec: BenchmarkSpec, desk: Desk, candidate: Embedding, reason: str | None, watcher: Watcher
) -> Further:
    """Score a further benchmark of the split, each document embedded by itself at its own length."""
    if candidate.equivalent:
        reason = "the candidate is declared to compute the baseline's numbers, and held to it number by number"
    if reason is not None:
        return Further(spec.name, spec.margin, None, reason)
    watcher.stage(f"embedding {spec.name}")
    try:
        return Further(spec.name, spec.margin, desk.similarity(spec), None)
    except ArmError as error:
        return Further(spec.name, spec.margin, None, f"{error.kind} at {error.stage}: {error.detail[:500]}")


def _examine_rival(
    rival: RivalSpec, desk: Desk, dense: np.ndarray, scored: dict[str, np.ndarray], watcher: Watcher
) -> RivalResult:
    """Embed and score one rival; the compiled or unpadded baseline computes what the baseline does and is only timed:
    its timed outputs are held against those of the baseline."""
    if rival.role in UNCHANGED:
        scored[rival.name] = dense
        return RivalResult(rival.name, rival.role, None, None)
    watcher.stage(f"embedding {len(desk.documents.ids)} documents with {rival.name}")
    try:
        embedded = desk.embedded(rival.executor)
    except ArmError as error:
        return RivalResult(rival.name, rival.role, None, f"{error.kind} at {error.stage}: {error.detail[:500]}")
    if not embedded.company:
        scored[rival.name] = embedded.outputs
    quality = desk.score(embedded, dense, numbers=False) if desk.plan.model.pretrained else None
    return RivalResult(rival.name, rival.role, quality, None)
