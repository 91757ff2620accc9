"""All of one cell, seen from the parent: documents, examination, sessions, record.

Called by `ace.cell`. The parent sleeps while a worker works; between workers it tells the watcher. Judges nothing.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ace.benchmarks.loading import calibration_documents, load_development, load_documents, require_disjoint
from ace.benchmarks.slices import slices_of
from ace.domain.plan import FEWEST_SEQUENTIAL, MEMORY, CellPlan
from ace.domain.record import SCHEMA_VERSION, CellRecord, CodeState, Digests, Failure, Look, MemoryUse, RivalResult
from ace.domain.session import BASELINE, CANDIDATE, OutputCheck, Session
from ace.measure.examination import Examination, examine
from ace.measure.isolation import isolated
from ace.measure.machine import machine_peak, settled_peak
from ace.measure.messages import Task
from ace.measure.recomputing import error_against, recomputed_elsewhere
from ace.measure.sources import chosen_sources
from ace.measure.watching import Watcher
from ace.measure.workshop import Workshop
from ace.models.loading import model_tokenizer

CLAIM_PROCESSES = 3  # of each arm: if the arms were alike, all of one would lie below all of the other 1 time in 20
StopRule = Callable[[Sequence[Session]], Look]
"""Looks at the sessions measured so far; made where thresholds are known, handed in, called between workers."""


def observe(
    plan: CellPlan,
    attempt: str,
    code: CodeState,
    weights: Digests,
    shop: Workshop,
    watcher: Watcher,
    stop: StopRule | None = None,
) -> CellRecord:
    """Measure one cell: all planned sessions, or fewer where `stop` says that they settle it.

    A misbehaving candidate ends up in the record's failures, never in an exception.
    """
    started_at = time.time()
    watcher.stage("tokenising")
    own = model_tokenizer(plan.model)
    documents = load_documents(plan.benchmark, plan.shape.seq_len, plan.seed, shop.cache, own)
    development = load_development(plan.benchmark, plan.shape.seq_len, shop.cache, own)
    if development is not None and plan.benchmark.development is not None:
        require_disjoint(documents, development, plan.benchmark)
    calibrating = development and calibration_documents(development)
    shop.lay_out(documents, calibrating)
    found = examine(plan, code, weights, documents, calibrating, shop, watcher)
    peak = None if found.failure else machine_peak(plan, code, shop, watcher)
    sessions: list[Session] = []
    failures = [found.failure] if found.failure else []
    planted = None
    looks: list[Look] = []
    sources = chosen_sources(plan.telemetry)
    running = replace(plan, rivals=tuple(rival for rival in plan.rivals if found.runs(rival.name)))
    watcher.stage("sessions")
    for index in range(0 if found.failure else plan.protocol.sessions):
        answer = shop.run(Task.SESSION, running, time.time(), index, sources=sources)
        planted = planted or answer.planted
        if answer.session is not None:
            kept_here = kept_outputs(shop, index)
            sessions.append(compared_with_scored(answer.session, found.scored, kept_here, found.company))
        else:
            failures.append(answer.failure or Failure(index, "process", "rubbish", None, "an answer without a session"))
        watcher.session(index + 1, plan.protocol.sessions, len(failures))
        if stop is not None and answer.session is not None and len(sessions) >= FEWEST_SEQUENTIAL:
            looks.append(stop(sessions))
            if looks[-1].settled:
                break
    if found.company:
        kept = [kept_outputs(shop, session.index) for session in sessions]
        sessions = recomputed_elsewhere(sessions, kept, found.scored[CANDIDATE], plan, shop, watcher)
    peak = peak and settled_peak(peak, sessions, plan, shop, watcher)
    return CellRecord(
        schema_version=SCHEMA_VERSION,
        attempt=attempt,
        plan=plan,
        sessions=tuple(sessions),
        failures=tuple(failures),
        documents=documents.each_digest,
        slices=slices_of(documents, plan.benchmark.slices),
        quality=found.quality,
        quality_reason=found.quality_reason,
        further=found.further,
        first_prepare_s=found.prepare_s or (sessions[0].prepare_s if sessions else None),
        planted=planted,
        looks=tuple(looks),
        imported=None,
        rivals=tuple(_as_timed(rival, sessions) for rival in found.rivals),
        memory=() if found.failure else memory_use(plan, shop, watcher),
        isolated=None if found.failure else isolated(plan, shop, watcher, _by_document(found)),
        peak=peak,
        code=code,
        weights=weights,
        data=documents.digests,
        started_at=min((started_at, *(session.started_at for session in sessions))),  # some may be an earlier attempt's
        ended_at=time.time(),
        energy_sources=sources,
    )


def _by_document(found: Examination) -> np.ndarray | None:
    return None if found.company else found.scored.get(CANDIDATE)


def _as_timed(rival: RivalResult, sessions: Sequence[Session]) -> RivalResult:
    """The result of the examination; a rival that no session could prepare has failed."""
    failures = [why for session in sessions for name, why in session.rivals_failed if name == rival.name]
    return replace(rival, failure=failures[0]) if failures and len(failures) == len(sessions) else rival


def memory_use(plan: CellPlan, shop: Workshop, watcher: Watcher) -> tuple[MemoryUse, ...]:
    """Peak memory of each arm in processes of its own: one guards, and a claim rests on as many as can tell."""
    watcher.stage("memory")
    used = []
    both = ((BASELINE, Task.MEMORY_BASELINE), (CANDIDATE, Task.MEMORY_CANDIDATE))
    for arm, task in both * (CLAIM_PROCESSES if MEMORY in plan.scopes else 1):
        answer = shop.run(task, plan, time.time())
        reason = None if answer.peak_bytes is not None else "this system does not tell a process its peak memory"
        if answer.failure is not None:
            reason = f"{answer.failure.kind} at {answer.failure.stage}: {answer.failure.detail[:500]}"
        used.append(MemoryUse(arm, answer.peak_bytes, reason, answer.device_peak_bytes))
    return tuple(used)


def kept_outputs(shop: Workshop, session: int) -> dict[str, np.ndarray]:
    """Outputs that a session kept from timed calls, with their documents."""
    with np.load(shop.folder(f"session-{session:02d}") / "outputs.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def compared_with_scored(
    session: Session, scored: dict[str, np.ndarray], kept: dict[str, np.ndarray], company: bool
) -> Session:
    """The session with each kept output's distance to the scored embedding: max |difference| / max |scored|.

    Where company matters to the candidate, timed outputs are computed again elsewhere (`recomputing`); an output of an
    energy window is then compared with its own recomputation alone."""

    def compare(check: OutputCheck, place: str) -> OutputCheck:
        if check.arm not in scored:
            return check
        output, documents = kept[f"{place}/output"], kept[f"{place}/documents"]
        return replace(check, scored_error=error_against(output, scored[check.arm][documents]))

    def of_window(check: OutputCheck) -> OutputCheck:
        return check if company and check.arm == CANDIDATE else compare(check, f"energy/{check.arm}")

    return replace(
        session,
        checks=tuple(compare(check, f"{check.arm}/{check.round}") for check in session.checks),
        energy_checks=session.energy_checks and tuple(map(of_window, session.energy_checks)),
    )
