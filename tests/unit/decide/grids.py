"""Maps for tests: cells of known gain at known shapes, with the work that a witness would see there."""

import math
from collections.abc import Mapping
from dataclasses import replace

from ace.decide import judge
from ace.domain.decision import Decision
from ace.domain.record import CellRecord
from ace.domain.session import CANDIDATE, Session
from ace.domain.stored import StoredCell
from tests.unit.decide import builders as b

FIXED_S, RATE_S, KEPT = 2e-3, 3e-12, 0.7
FLOPS_PER_TOKEN = 2e7


def cell(gain: float, seq_len: int, batch: int = 1, **changes: object) -> StoredCell:
    """One stored cell; `changes` are those of a plan."""
    return b.stored(b.honest(gain, b.plan(seq_len=seq_len, batch=batch, **changes)))  # type: ignore[arg-type]


def judged(*cells: StoredCell) -> Decision:
    """The one claim of these cells."""
    [decision] = judge(b.evidence(*cells), b.near_term())
    return decision


def line(gains: Mapping[int, float]) -> Decision:
    """A map of one batch: gain by length."""
    return judged(*(cell(gain, seq_len) for seq_len, gain in gains.items()))


def obeying(seq_len: int, batch: int = 1, **changes: object) -> StoredCell:
    """A cell whose arms both take FIXED_S + RATE_S * FLOPs, the candidate with KEPT of them."""
    flops = FLOPS_PER_TOKEN * seq_len * batch
    dense_s, pruned_s = FIXED_S + RATE_S * flops, FIXED_S + RATE_S * KEPT * flops
    plan = b.plan(seq_len=seq_len, batch=batch, **changes)  # type: ignore[arg-type]
    made = b.honest(math.log(dense_s / pruned_s), plan, baseline_s=dense_s)
    return b.stored(with_flops(made, flops))


def with_flops(made: CellRecord, flops: float) -> CellRecord:
    """The record of a witness that counted so many FLOPs of the baseline and KEPT of them of the candidate."""

    def seen(session: Session) -> Session:
        return replace(
            session,
            witness=tuple(
                replace(w, flops_by_dtype=(("float32", int(flops * (KEPT if w.arm == CANDIDATE else 1))),))
                for w in session.witness
            ),
        )

    return replace(made, sessions=tuple(seen(session) for session in made.sessions))
