"""`tests.builders` with the digests that measurement really takes: of the documents of a session and of a split."""

from dataclasses import replace

from ace.domain.canonical import digest
from ace.domain.plan import CellPlan
from ace.domain.record import CellRecord
from tests import builders
from tests.builders import ARMS, ROOT, at, environment, evidence, near_term, plan, quality, scored, session, stored

__all__ = [
    "ARMS",
    "ROOT",
    "at",
    "environment",
    "evidence",
    "honest",
    "near_term",
    "plan",
    "quality",
    "record",
    "scored",
    "session",
    "stored",
]


def record(gain: float = 0.0, **changes: object) -> CellRecord:
    """A finished cell whose candidate has the true log `gain`."""
    return with_digests(builders.record(gain, **changes))  # type: ignore[arg-type]


def honest(gain: float, of: CellPlan, **changes: object) -> CellRecord:
    """A cell measured as it should be."""
    return with_digests(builders.honest(gain, of, **changes))  # type: ignore[arg-type]


def with_digests(made: CellRecord) -> CellRecord:
    """The record with the digest of what its sessions were given, and of what its split scores."""
    sessions = tuple(replace(s, inputs_digest=digest([list(row) for row in s.inputs])) for s in made.sessions)
    inputs = digest([made.split, made.plan.shape.seq_len])
    scores = made.quality and replace(made.quality, inputs_digest=inputs)
    return replace(made, sessions=sessions, quality=scores)
