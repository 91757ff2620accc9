"""Timed and scored batches computed once more in another process, for candidates to which company matters.

Called by `observe` after the sessions. Where what stands beside a document changes its output, no single document ties
the timed calls to the scored ones. So batches of both kinds are computed again, in one fresh process and in random
order: whoever answers by the number of the call, or by where it is asked, gives himself away.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ace.domain.plan import CellPlan
from ace.domain.session import CANDIDATE, OutputCheck, Session
from ace.measure.messages import Task
from ace.measure.order import shuffled_batches
from ace.measure.watching import Watcher
from ace.measure.workshop import Workshop

Kept = Sequence[Mapping[str, np.ndarray]]
"""By session: outputs kept from timed calls and their documents, as `arm/round/output` and `arm/round/documents`."""


def recomputed_elsewhere(
    sessions: Sequence[Session], kept: Kept, scored: np.ndarray, plan: CellPlan, shop: Workshop, watcher: Watcher
) -> list[Session]:
    """The sessions with the distance of each kept output of the candidate to its recomputation, or that of a scored
    batch to its own where it is larger.  scored: (n, dim).  Without an answer nothing counts as compared."""
    watcher.stage("computing timed batches again")
    places = [(i, check.round) for i, s in enumerate(sessions) for check in s.checks if check.arm == CANDIDATE]
    timed = [kept[i][f"{CANDIDATE}/{r}/documents"] for i, r in places]
    again = _again(timed, len(scored), plan, shop) if timed else None

    def compare(i: int, check: OutputCheck) -> OutputCheck:
        if check.arm != CANDIDATE:
            return check
        if again is None:
            return replace(check, scored_error=None)
        of_timed, documents, of_scored = again[places.index((i, check.round))]
        timed_error = error_against(kept[i][f"{CANDIDATE}/{check.round}/output"], of_timed)
        return replace(check, scored_error=max(timed_error, error_against(scored[documents], of_scored)))

    return [replace(s, checks=tuple(compare(i, check) for check in s.checks)) for i, s in enumerate(sessions)]


def _again(
    timed: Sequence[np.ndarray], documents: int, plan: CellPlan, shop: Workshop
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]] | None:
    """For each timed batch its outputs, and a scored batch with its outputs; None when the worker failed."""
    whole = documents // plan.shape.batch  # the last scored batch may be filled with documents that were scored before
    scored = shuffled_batches(documents, plan.shape.batch, plan.seed)[np.arange(len(timed)) % whole]
    batches = np.concatenate([np.stack(timed), scored])
    order = np.random.default_rng([plan.seed, len(batches)]).permutation(len(batches))
    folder = shop.folder(Task.RECOMPUTE.value)
    np.save(folder / "batches.npy", batches[order], allow_pickle=False)
    answer = shop.run(Task.RECOMPUTE, replace(plan, rivals=()), time.time())
    if answer.failure is not None or answer.refused is not None:
        return None
    outputs = np.load(folder / "outputs.npy", allow_pickle=False)[np.argsort(order)]
    return list(zip(outputs[: len(timed)], scored, outputs[len(timed) :], strict=True))


def error_against(output: np.ndarray, reference: np.ndarray) -> float:
    """max |difference| / max |reference|; the difference itself where the reference is all zero."""
    return float(np.abs(output - reference).max() / (np.abs(reference).max() or 1.0))
