"""Numbers that a record may hold and nothing can have measured: a negative duration, a call counted less than once.

Types are checked where a value is built, and for timings their sign as well. What else has a sign or a size is asked
here, by whoever reads a record that somebody may have written by hand (`ace.tracking.reader`, `ace.report.carried`),
and of times by the readers of imported files: such a number would make a claim look better, as a preparation of -1 s
does, or end in arithmetic that has no answer, as a ratio of 1e308 s to 1e-323 s does. Of `ready_s` and the times of day
only the size is asked: they come from a clock that may be set (gate integrity looks at them).
"""

from collections.abc import Iterator, Sequence

from ace.domain.energy import SessionEnergy
from ace.domain.probes import Probes
from ace.domain.record import CellRecord, Imported
from ace.domain.session import BASELINE, CANDIDATE, Session

MOST = 2.0**63
"""Of anything: more than a processor counts to."""
LEAST_S = LEAST_J = 1e-15
"""Of a call, and of the energy of one: light goes a third of a micrometre, and no transistor switches."""
FARTHEST_S = 1e11
"""Of a time of day from the epoch: three thousand years, which calendars still hold."""
Reading = tuple[str, float | None, float]
"""What it is, the number (None where nothing was measured), and the least that it can be."""
Group = tuple[int | None, str | None, Sequence[Reading]]
"""Readings of one session (None: of the cell) and of one arm (None: of all): put into words only where one is wrong,
for a record has six hundred."""


def impossible(record: CellRecord) -> str | None:
    """The first number of `record` that cannot be, with its place; None when all can."""
    for session, arm, readings in _readings(record):
        for what, value, least in readings:
            if value is not None and not least <= value <= MOST:
                # an int may be no float at all
                shown = f"{value:.6g}" if -MOST <= value <= MOST else "too large to be counted"
                place = what if arm is None else f"{what} of {arm}"
                where = place if session is None else f"session {session}: {place}"
                return f"{where} is {shown}: nothing can have measured that"
    moments = [record.started_at, record.ended_at, *(session.started_at for session in record.sessions)]
    moments += [pair.started_at for pair in record.isolated.pairs] if record.isolated is not None else []
    if not all(-FARTHEST_S <= moment <= FARTHEST_S for moment in moments):
        return "it was measured in a year that no calendar has"
    return None


def _readings(record: CellRecord) -> Iterator[Group]:
    yield None, None, _of_the_plan(record)
    yield None, None, (("first_prepare_s", record.first_prepare_s, 0.0),)
    for use in record.memory:
        held, on_board = f"memory of {use.arm}", f"memory of {use.arm} on its board"
        yield None, None, ((held, use.peak_bytes, 1), (on_board, use.device_peak_bytes, 0))
    if record.peak is not None:
        yield None, None, tuple((f"peak in {dtype}", rate, 1) for dtype, rate in record.peak.flops_per_s)
        for size, rate in record.peak.bytes_per_s:
            yield None, None, (("working set of the peak", size, 1), ("peak in bytes", rate, 1))
    yield None, None, [reading for scored in _distances(record) for reading in scored]
    for pair in record.isolated.pairs if record.isolated is not None else ():
        alone = _ends("isolated wall time", (*pair.baseline_s, *pair.candidate_s), LEAST_S)
        yield None, None, (*alone, ("isolated output error", pair.output_error, 0))
    for choice in record.energy_sources:
        yield None, choice.source, (("update period", choice.update_period_s, LEAST_S),)
    if record.imported is not None:
        yield from _of_imported(record.imported)
    for session in record.sessions:
        yield from _of(session)


def _of(session: Session) -> Iterator[Group]:
    index = session.index
    own: list[Reading] = [
        ("its index", index, 0),
        ("calls_per_timing", session.calls_per_timing, 1),
        ("measuring_s", session.measuring_s, LEAST_S),
        ("timed_s", session.timed_s, 0),
        ("ready_s", session.ready_s, -MOST),
        ("prepare_s", session.prepare_s, 0),
        ("peak_rss_bytes", session.peak_rss_bytes, 0),
        ("clock_resolution_s", session.environment.clock_resolution_s, 0),
        ("threads", session.environment.threads, 1),
    ]
    for check in (*session.checks, *(session.energy_checks or ())):
        own += [("error of an output", check.recomputed_error, 0), ("error of an output", check.scored_error, 0)]
    # what an executor says of itself may be wrong, and rules say so; it must be a number that they can reckon with
    own += [("a declared count of tokens", count, -MOST) for count in session.declared_tokens_per_layer or ()]
    yield index, None, tuple(own)
    for timings in (*session.warmup, *session.timings):
        yield index, timings.arm, _ends("wall time", timings.wall_s, LEAST_S)
        yield index, timings.arm, _ends("device time", timings.device_s or (), 0)
        yield index, timings.arm, _ends("CPU time", timings.cpu_s, 0)
    for state in session.arms:
        yield index, state.arm, (("parameters", state.parameters, 0), ("CUDA graphs", state.cuda_graphs, 0))
    for seen in session.witness:
        counts = tuple(("tokens", count, 0) for count in seen.tokens_per_layer or ())
        sizes = (("bytes", seen.least_bytes, 0), ("operations", seen.flops, 0))
        yield index, seen.arm, (*counts, *sizes, ("full_token_share", seen.full_token_share, 0))
    yield from _of_probes(index, session.probes)
    if session.energy is not None:
        yield from _of_energy(index, session.energy)


def _of_the_plan(record: CellRecord) -> list[Reading]:
    """What was asked for is no reading, and yet rules reckon with it."""
    plan, protocol = record.plan, record.plan.protocol
    return [
        ("seq_len", plan.shape.seq_len, 0),
        ("batch", plan.shape.batch, 0),
        ("hidden", plan.shape.hidden, 0),
        ("depth", plan.shape.depth, 0),
        ("split.examples", plan.benchmark.examples, 0),
        ("protocol.sessions", protocol.sessions, 0),
        ("protocol.rounds", protocol.rounds, 0),
        ("protocol.warmup_rounds", protocol.warmup_rounds, 0),
        ("protocol.threads", protocol.threads, 0),
        ("protocol.min_timing_s", protocol.min_timing_s, 0),
        ("protocol.session_limit_s", protocol.session_limit_s, 0),
        ("protocol.isolated_sessions", plan.isolated_sessions, 0),
        ("seed", plan.seed, 0),
    ]


def _distances(record: CellRecord) -> Iterator[Sequence[Reading]]:
    """How far apart the outputs of both arms are; they may point away from each other."""
    for quality in (record.quality, *(rival.quality for rival in record.rivals)):
        if quality is None:
            continue
        yield _ends("cosine", quality.cosine, -MOST)
        if quality.agreement is not None:
            yield _ends("ulps", quality.agreement.ulps, 0)
            yield _ends("relative error", quality.agreement.relative_error, 0)
    for further in record.further:
        if (alike := further.similarity) is not None:
            yield _ends(f"similarity of {further.benchmark}", (*alike.human, *alike.baseline, *alike.candidate), -MOST)


def _of_imported(imported: Imported) -> Iterator[Group]:
    for arm, table in ((BASELINE, imported.baseline), (CANDIDATE, imported.candidate)):
        for session, row in enumerate(table):
            yield session, arm, _ends("imported time", row, LEAST_S)


def _of_probes(index: int, probes: Probes) -> Iterator[Group]:
    own: list[Reading] = [("the parent's clock", probes.clock.parent_s, 0)]
    own += [("CPU time of children", probes.company.children_s, 0)]
    own += [("threads", count, 0) for count in (probes.company.threads_before, probes.company.threads_after)]
    if (seen := probes.untouched) is not None:
        own += _ends("time of the untouched baseline", (*seen.before_s, *seen.after_s), LEAST_S)
    if probes.perturbed is not None:
        own += [("positions felt", probes.perturbed.felt, 0)]
    yield index, None, own
    for visit in probes.visits:
        clocked = _ends("time of a visit", (visit.fresh_s, visit.again_s, visit.idle_s), LEAST_S)
        errors = _ends("error of a visit", (visit.again_error, visit.late_error), 0)
        yield index, visit.arm, (*clocked, *errors, ("busy time of a visit", visit.busy_s, 0))


def _of_energy(index: int, energy: SessionEnergy) -> Iterator[Group]:
    for idle in energy.idle:
        yield index, idle.source, (("idle power", idle.power_w, 0),)
    for window in energy.windows:
        of_budget = window.budget.components if window.budget is not None else ()
        if (board := window.state) is not None:
            said = (board.sm_clock_mhz, board.memory_clock_mhz, board.temperature_c, board.power_limit_w)
            yield index, window.arm, [("state of its board", value, -MOST) for value in said]
        yield (
            index,
            window.arm,
            (
                ("energy", window.energy_j, LEAST_J),
                ("work", window.work_s, LEAST_S),
                ("items", window.items, 1),
                ("start of its window", window.start_s, -MOST),
                ("update period", window.update_period_s, 0),
                *(("uncertainty", component.relative, 0) for component in of_budget),
                *_ends("power reading", window.series.values, -MOST),
                *_ends("time of a power reading", window.series.times_s, -MOST),
            ),
        )


def _ends(what: str, values: Sequence[float], least: float) -> tuple[Reading, ...]:
    """The smallest and the largest of many."""
    return ((f"least {what}", min(values), least), (f"most {what}", max(values), least)) if values else ()
