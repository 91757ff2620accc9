"""How long the rest of a sweep will take, from the cells already measured.

A cell costs process starts (fixed), timed calls (per token: seq_len x batch) and, once per length and per everything
else that was overridden, the examination (per document, so per seq_len). Called by `launch` between cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ace.domain.plan import Shape
from ace.domain.record import CellRecord


@dataclass(frozen=True, slots=True)
class Ahead:
    """A cell still to come. `others`: its overrides beside seq_len and batch."""

    seq_len: int
    batch: int
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a measured cell took, in seconds: before its sessions, starting them, and all else within them."""

    cell: Ahead
    examined_s: float
    starting_s: float
    working_s: float


def ahead(job: Sequence[str], shape: Shape) -> Ahead | None:
    """The cell of a job; axes it does not name are those of `shape`. None for a value that will be refused."""
    given = dict(override.split("=", 1) for override in job if "=" in override)
    seq_len, batch = (str(given.pop(axis, getattr(shape, axis))) for axis in ("seq_len", "batch"))
    if not (seq_len.isdigit() and batch.isdigit()):
        return None
    return Ahead(int(seq_len), int(batch), tuple(sorted(f"{key}={value}" for key, value in given.items())))


def cost(cell: Ahead, record: CellRecord) -> Cost | None:
    """What the cell took; None when no session was measured."""
    if not record.sessions:
        return None
    first = min(session.started_at for session in record.sessions)
    starting_s = sum(session.ready_s for session in record.sessions)
    return Cost(cell, first - record.started_at, starting_s, record.ended_at - first - starting_s)


def expected_s(cells: Sequence[Ahead], done: Sequence[Cost]) -> float | None:
    """Seconds that `cells` will take; None before the first was measured."""
    if not done:
        return None
    starting_s = sum(c.starting_s for c in done) / len(done)
    per_token = sum(c.working_s for c in done) / sum(c.cell.seq_len * c.cell.batch for c in done)
    seen: dict[tuple[int, tuple[str, ...]], float] = {}
    for c in done:
        key = (c.cell.seq_len, c.cell.others)
        seen[key] = max(c.examined_s, seen.get(key, 0.0))  # only the first of a length pays
    per_length = sum(seen.values()) / sum(seq_len for seq_len, _ in seen)
    examined = {(cell.seq_len, cell.others) for cell in cells} - set(seen)
    return (
        sum(starting_s + per_token * cell.seq_len * cell.batch for cell in cells)
        + sum(seq_len for seq_len, _ in examined) * per_length
    )
