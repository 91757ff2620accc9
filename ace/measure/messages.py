"""What the parent tells a worker and what the worker answers, as files in one folder.

The parent writes `order.json` (which names the folder of the documents); the worker writes `answer.json` (to
a temporary name, then renamed, so that an answer is whole or absent) and, where asked, `outputs.npz` or
`embeddings.npy`. JSON and plain arrays only: nothing a worker writes is ever executed or unpickled.
"""

import json
import os
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from ace.domain.canonical import canonical_json
from ace.domain.decode import decode
from ace.domain.energy import SourceChoice
from ace.domain.plan import CellPlan
from ace.domain.record import Failure, Peak
from ace.domain.serial import encode
from ace.domain.session import Session

CALIBRATION = "calibration.npz"
HEARD = "heard.json"  # in a session's folder: its answer as the parent took it


class Task(StrEnum):
    """What a worker is started for."""

    CHECK = "check"
    EMBED_BASELINE = "embed_baseline"
    EMBED_CANDIDATE = "embed_candidate"
    SESSION = "session"
    MEMORY_BASELINE = "memory_baseline"
    MEMORY_CANDIDATE = "memory_candidate"
    PEAK = "peak"
    RECOMPUTE = "recompute"
    ALONE_BASELINE = "alone_baseline"
    ALONE_CANDIDATE = "alone_candidate"


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """One worker's task.

    `inputs`: folder of ids.npy and mask.npy, (n, seq) int64, and of calibration.npz where there are documents to
    calibrate on. `session` numbers a session. `threads` are for embedding; a session uses the protocol's. `cache`:
    where what is kept by content lies. `alone`: embed each document by itself, at its own length. `sources`:
    of energy, chosen once for all sessions.
    """

    task: Task
    plan: CellPlan
    inputs: str
    session: int
    threads: int
    spawned_at: float
    cache: str
    alone: bool = False
    sources: tuple[SourceChoice, ...] = ()

    @property
    def threads_here(self) -> int:
        """Those of the protocol, but for embedding in batches, whose time nobody looks at and which is worth them."""
        embedding = self.task in (Task.EMBED_BASELINE, Task.EMBED_CANDIDATE)
        return self.threads if embedding and not self.alone else self.plan.protocol.threads


@dataclass(frozen=True, slots=True)
class Alone:
    """Wall seconds per call of one arm in a process of its own, and the digest of the documents it was given."""

    wall_s: tuple[float, ...]
    documents: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker says: a session, a failure, or neither (embeddings lie in their file).

    `company`: of an embedding order, whether what stands beside a document changes its output; `equivalent`: whether
    the candidate is declared to compute the baseline's numbers; `prepare_s`: what preparing it took.
    `peak_bytes`, `device_peak_bytes`: of a memory order, resident and on a board at most. `peak`: of a peak order, what
    the machine can do. `alone`: of an order to time one arm by itself.

    `refused` is the text of a PlanError or DataError: what was asked cannot be run at all.
    """

    session: Session | None = None
    failure: Failure | None = None
    refused: str | None = None
    planted: str | None = None
    company: bool = False
    equivalent: bool = False
    prepare_s: float | None = None
    peak_bytes: int | None = None
    device_peak_bytes: int | None = None
    peak: Peak | None = None
    alone: Alone | None = None


def write_json(path: Path, value: Any) -> None:
    """Canonical JSON, whole or not at all."""
    temporary = path.with_suffix(".part")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(canonical_json(encode(value)))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_order(folder: Path) -> WorkOrder:
    """The order of this worker."""
    return decode(WorkOrder, json.loads((folder / "order.json").read_text(encoding="utf-8")))


def read_answer(folder: Path) -> Answer:
    """What the worker answered.

    Raises FileNotFoundError when it left none, ValueError (EvidenceError and JSON errors are such) when it is rubbish.
    """
    return decode(Answer, json.loads((folder / "answer.json").read_text(encoding="utf-8")))


def heard_before(folder: Path, order: WorkOrder) -> Answer | None:
    """What the parent of an interrupted attempt had heard of this very order; None where it had not.

    Where and when an order is carried out may differ, and so may the threads of untimed work: no session uses them.
    """
    try:
        earlier = read_order(folder)
        answer: Answer = decode(Answer, json.loads((folder / HEARD).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    there = replace(
        earlier, inputs=order.inputs, cache=order.cache, spawned_at=order.spawned_at, threads=order.threads
    )
    return answer if there == order else None
