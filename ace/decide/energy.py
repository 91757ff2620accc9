"""Energy of a cell: the ratio of both arms session by session, its interval, and what may be said of it.

Called by `judge`. Grade, scope and flags decide whether a number supports a claim; without one there is a reason. The
gates of the scopes energy and ecd (`gates.energy`) read what is answered here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

from ace.decide.cells import Cell
from ace.decide.power_pairs import Pair, paired
from ace.domain.answers import EnergyAnswer
from ace.domain.energy import (
    EnergyPlan,
    EnergyWindow,
    Grade,
    Scope,
    SessionEnergy,
    SourceChoice,
    supports_claim,
)
from ace.domain.quality import Quality
from ace.domain.record import CellRecord
from ace.domain.session import CANDIDATE, NULL
from ace.domain.wording import percent_within
from ace.telemetry.ecd import LogGain, density, over_sessions, quality_gain

NO_SOURCE = "no energy source was read"
MOST_LOST = 0.1  # of the sessions: whoever can lose windows in one arm could choose among sessions
MEASURED = "measured"
LOST = "sessions have no energy of both arms"
UNREAD = "no energy was read, though a source was chosen"
Numbers = dict[str, float | None]
Measured = Sequence[tuple[EnergyPlan, SessionEnergy | None]]


def energy_of(cell: Cell, alpha: float) -> EnergyAnswer:
    """What is known of the energy of a cell of the map."""
    return energy_of_records(cell.records, alpha)


def energy_of_records(records: Sequence[CellRecord], alpha: float) -> EnergyAnswer:
    """What records of one cell say of energy: a number with its interval, or the reason why there is none.

    `alpha`: of an interval, two-sided, and of each one-sided bound.
    """
    newest = newest_source(records)
    if newest is None:
        return _nothing(why_none(records))
    judged, left_out = _of_driver(newest, records)
    if judged is None:
        return _nothing(str(left_out))
    measured = [(record.plan.telemetry, s.energy) for record in judged for s in record.sessions]
    found = _answer(newest, judged, measured, alpha)
    return found if left_out is None else replace(found, reason=f"{found.reason}; {left_out}", left_out=left_out)


def _answer(choice: SourceChoice, records: Sequence[CellRecord], measured: Measured, alpha: float) -> EnergyAnswer:
    """Of records that were all measured by `choice`, nothing left out."""
    pairs, problems = _pairs(measured, str(choice.source), CANDIDATE)
    flags = {flag for pair in pairs for window in pair.windows for flag in window.flags}
    against = supports_claim(choice, work_on(records[-1]), tuple(sorted(flags))) or _lost(pairs, problems)
    against = against or _unwatched(choice, pairs)
    if len(pairs) < 2:
        why = f"{len(pairs)} sessions with energy; 2 needed" + (f" ({problems[0]})" if problems else "")
        return EnergyAnswer(choice.grade, choice.simulated, why, against or why, choice.source, _device(choice))
    lost = f"; {len(problems)} sessions have none ({problems[0]})" if problems else ""
    read = [energy for _, energy in measured if energy is not None]
    idle = [i.power_w for energy in read for i in energy.idle if i.source == choice.source and i.power_w]
    null, null_problems = _pairs(measured, str(choice.source), NULL)
    null = [] if _lost(null, null_problems) else null
    return EnergyAnswer(
        grade=choice.grade,
        simulated=choice.simulated,
        reason=(against or MEASURED) + lost,
        unclaimable=against,
        source=choice.source,
        device=_device(choice),
        sessions=len(pairs),
        baseline_j=_typical(pair.windows[0] for pair in pairs),
        candidate_j=_typical(pair.windows[1] for pair in pairs),
        idle_w=median(idle) if idle else None,
        idle_subtracted=all(plan.subtract_idle for plan, _ in measured),
        left_out=None,
        **_saved(pairs, alpha),
        **_null(null, alpha),
        **_density(pairs, records[-1].quality, alpha),
    )


def newest_source(records: Sequence[CellRecord]) -> SourceChoice | None:
    """By which the newest measurement that has a source was made. `records`: oldest first."""
    return next((choice for record in reversed(records) for choice in used_sources(record)), None)


def _of_driver(newest: SourceChoice, records: Sequence[CellRecord]) -> tuple[Sequence[CellRecord] | None, str | None]:
    """The records made by `newest`, and what was left out: measurements under another driver, which nobody can make
    again. They still count as looks, so whoever changes a driver for a better answer pays with a stricter level.

    None where another source or board measured: whoever could choose among those could choose the answer.
    """
    by = [(record, choice) for record in records for choice in used_sources(record)]
    if any(replace(choice, driver=newest.driver).identity != newest.identity for _, choice in by):
        count = len({choice.identity for _, choice in by})
        said = f"{count} sources, boards or drivers: their energies do not compare"
        return None, f"{said}; measure this shape by one of them in an experiment of its own"
    kept = [record for record, choice in by if choice.driver == newest.driver]
    old = [(record, str(choice.driver)) for record, choice in by if choice.driver != newest.driver]
    if not old:
        return kept, None
    sessions, drivers = sum(len(r.sessions) for r, _ in old), ", ".join(dict.fromkeys(d for _, d in old))
    return kept, f"{sessions} sessions under driver {drivers} are left out: they do not compare with {newest.driver}"


def _unwatched(choice: SourceChoice, pairs: Sequence[Pair]) -> str | None:
    """NVML tells why clocks are what they are; windows without it may have been throttled."""
    states = [window.state for pair in pairs for window in pair.windows]
    unknown = sum(state is None or state.event_reasons is None for state in states)
    if choice.grade not in (Grade.DEVICE_COUNTER, Grade.DEVICE_POLLED) or not unknown:
        return None
    return f"{choice.source}: event reasons of {unknown} windows are not known, so the board may have been throttled"


def _lost(pairs: Sequence[Pair], problems: Sequence[str]) -> str | None:
    """Why sessions without a ratio leave nothing to claim; None where they are few."""
    of = len(pairs) + len(problems)
    if len(problems) <= MOST_LOST * of:
        return None
    return (
        f"{len(problems)} of {of} {LOST} ({problems[0]}): they may be those that deny it"
    )


def _nothing(why: str) -> EnergyAnswer:
    return EnergyAnswer(Grade.NONE, False, why, why)


def work_on(record: CellRecord) -> Scope:
    """Where the arms of a record ran: on the processor, or on a board."""
    devices = {session.environment.device for session in record.sessions}
    return Scope.HOST if devices <= {"cpu"} else Scope.DEVICE


def used_sources(record: CellRecord) -> list[SourceChoice]:
    """The source that a record is judged by: the best grade of those that see the work, else the best there is."""
    found = [choice for choice in record.energy_sources if choice.source is not None]
    ranks, where = list(Grade), work_on(record)
    best = sorted(found, key=lambda c: (supports_claim(c, where, ()) is not None, ranks.index(c.grade)))
    return best[:1]


def why_none(records: Sequence[CellRecord]) -> str:
    """Every source that was tried, and why it gave nothing."""
    tried = [f"{t.source}: {t.reason}" for record in records for c in record.energy_sources for t in c.tried]
    return f"{NO_SOURCE} ({', '.join(dict.fromkeys(tried))})" if tried else NO_SOURCE


def _device(choice: SourceChoice) -> str | None:
    return ", ".join(filter(None, (choice.device_name, choice.device_uuid, choice.driver))) or None


def _pairs(measured: Measured, source: str, arm: str) -> tuple[list[Pair], list[str]]:
    """The sessions that have a ratio, and why the others have none."""
    made = [UNREAD if energy is None else paired(plan, energy, source, arm) for plan, energy in measured]
    return [m for m in made if isinstance(m, Pair)], [m for m in made if isinstance(m, str)]


def _shared(pairs: Sequence[Pair]) -> float:
    return max((pair.shared for pair in pairs), default=0.0)


def _saved(pairs: Sequence[Pair], alpha: float) -> Numbers:
    logs, shared = [pair.saved for pair in pairs], _shared(pairs)
    both, bound = (over_sessions(logs, shared, 1 - a) for a in (alpha, 2 * alpha))
    return {**_interval("", both), **_bounds("", bound), **_types("", both)}


def _null(pairs: Sequence[Pair], alpha: float) -> Numbers:
    return _interval("null_", over_sessions([pair.saved for pair in pairs], _shared(pairs), 1 - alpha))


def _density(pairs: Sequence[Pair], quality: Quality | None, alpha: float) -> Numbers:
    """ECD and the parts beside energy, flat."""
    if quality is None:
        return {}
    numbers: Numbers = {}
    for name, level in (("interval", alpha), ("bounds", 2 * alpha)):
        scored = quality_gain(quality.baseline, quality.candidate, 1 - level)
        faster, saved = [p.faster for p in pairs], [p.saved for p in pairs]
        dense = None if scored is None else density(scored, faster, saved, _shared(pairs), 1 - level)
        if dense is None:
            return {}
        if name == "bounds":
            numbers |= _bounds("ecd_", dense.total) | _bounds("throughput_", dense.throughput)
        else:
            numbers |= _interval("ecd_", dense.total) | _types("ecd_", dense.total)
            numbers |= _interval("throughput_", dense.throughput) | _interval("quality_", dense.quality)
    return numbers


def _interval(prefix: str, found: LogGain | None) -> Numbers:
    return {} if found is None else {f"{prefix}{name}": getattr(found, name) for name in ("gain", "low", "high")}


def _bounds(prefix: str, found: LogGain | None) -> Numbers:
    return {} if found is None else {f"{prefix}lcb": found.low, f"{prefix}ucb": found.high}


def _types(prefix: str, found: LogGain | None) -> Numbers:
    return {} if found is None else {f"{prefix}{name}": getattr(found, name) for name in ("type_a", "type_b")}


def _typical(windows: Iterable[EnergyWindow]) -> float:
    """Median joules per item."""
    return median(window.energy_per_item_j or 0.0 for window in windows)


def said(cells: Mapping[str, EnergyAnswer]) -> str:
    """What is known of energy where it is not claimed: the numbers, or why there are none."""
    measured = [(key, found) for key, found in cells.items() if found.gain is not None]
    if not measured:
        reasons = dict.fromkeys(found.reason for found in cells.values())
        return f"NO_EVIDENCE: {'; '.join(reasons) or NO_SOURCE}"
    shown = ", ".join(f"{key} {percent_within(found.gain, found.low, found.high)}" for key, found in measured)
    first = measured[0][1]
    source = f"{first.source}, simulated" if first.simulated else first.source
    return f"{first.reason}; joules per item, baseline over candidate ({source}): {shown}"
