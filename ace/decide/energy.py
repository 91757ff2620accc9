"""Energy of a cell: the ratio of both arms session by session, its interval, and what may be said of it.

Called by `judge`. Grade, scope and flags decide whether a number supports a claim; without one there is a reason. In
this version nothing is accepted in the scopes energy and ecd: there is no registration and no holdout of them.
"""

import math
from collections.abc import Mapping, Sequence

from ace.decide.cells import Cell
from ace.domain.decision import EnergyAnswer, percent_within
from ace.domain.energy import (
    CAPPED,
    EnergyPlan,
    EnergyWindow,
    Grade,
    Scope,
    SessionEnergy,
    SourceChoice,
    supports_claim,
)
from ace.domain.quality import Quality
from ace.domain.record import BASELINE, CANDIDATE, CellRecord
from ace.telemetry.ecd import Density, LogGain, density, over_sessions, quality_gain
from ace.telemetry.uncertainty import ratio_budget

NO_SOURCE = "no energy source was read"
UNCLAIMED = "energy is measured and not yet claimed: this version registers no claim of it"
WORK_ON = Scope.HOST  # arms run on the processor in this version
Pair = tuple[float, float, float, EnergyWindow, EnergyWindow]
"""ln energy ratio, ln throughput ratio, systematic uncertainty (k=1) and the windows of one session."""


def energy_of(cell: Cell, alpha: float) -> EnergyAnswer:
    """What the records of a cell say of energy: a number with its interval, or the reason why there is none."""
    choices = {choice.identity: choice for record in cell.records for choice in _used(record)}
    if not choices:
        return EnergyAnswer(Grade.NONE, False, _why_none(cell.records))
    if len(choices) > 1:
        return EnergyAnswer(
            Grade.NONE, False, f"{len(choices)} sources, boards or drivers: their energies do not compare"
        )
    (choice,) = choices.values()
    measured = [(record.plan.telemetry, s.energy) for record in cell.records for s in record.sessions if s.energy]
    pairs: list[Pair] = []
    problems: list[str] = []
    for plan, energy in measured:
        pair = paired(plan, energy, str(choice.source))
        if isinstance(pair, str):
            problems.append(pair)
        else:
            pairs.append(pair)
    flags = {flag for pair in pairs for window in pair[3:] for flag in window.flags}
    against = supports_claim(choice, WORK_ON, tuple(flags))
    return _answer(choice, pairs, problems, against, cell.records[-1].quality, 1 - alpha)


def _used(record: CellRecord) -> list[SourceChoice]:
    """The source that a record is judged by: the best grade of those that see the work, else the best there is."""
    found = [choice for choice in record.energy_sources if choice.source is not None]
    ranks = list(Grade)
    best = sorted(found, key=lambda c: (supports_claim(c, WORK_ON, ()) is not None, ranks.index(c.grade)))
    return best[:1]


def _why_none(records: Sequence[CellRecord]) -> str:
    tried = [f"{t.source}: {t.reason}" for record in records for c in record.energy_sources for t in c.tried]
    return f"{NO_SOURCE} ({', '.join(dict.fromkeys(tried))})" if tried else NO_SOURCE


def paired(plan: EnergyPlan, energy: SessionEnergy, source: str) -> Pair | str:
    """The ratios of one session, or why it has none: both windows must stand, under the same power cap."""
    first, second = energy.window(BASELINE, source), energy.window(CANDIDATE, source)
    lacking = [r.reason for r in energy.refused if r.source == source]
    if lacking or first is None or second is None:
        return lacking[0] if lacking else "a window is missing"
    for window in (first, second):
        if window.reason is not None:
            return f"{window.arm}: {window.reason}"
    if (CAPPED in first.flags) != (CAPPED in second.flags):
        return "power capped in one arm only"
    idle_w = 0.0
    if plan.subtract_idle:
        known = next((i.power_w for i in energy.idle if i.source == source), None)
        if known is None:
            return "idle power is not known and was to be subtracted"
        idle_w = known
    powers_w = [(window.power_w or 0.0) - idle_w for window in (first, second)]
    if min(powers_w) <= 0:
        return "no power above idle"
    seconds = math.log(first.work_s / first.items) - math.log(second.work_s / second.items)
    above_idle = max((w.power_w or 0.0) / p for w, p in zip((first, second), powers_w, strict=True))
    shared = ratio_budget(first, second, same_device=True).systematic * above_idle
    return math.log(powers_w[0] / powers_w[1]) + seconds, seconds, shared, first, second


def _answer(
    choice: SourceChoice,
    pairs: Sequence[Pair],
    problems: Sequence[str],
    against: str | None,
    quality: Quality | None,
    confidence: float,
) -> EnergyAnswer:
    shared = max((pair[2] for pair in pairs), default=0.0)
    saved = over_sessions([pair[0] for pair in pairs], shared, confidence)
    if saved is None:
        why = f"{len(pairs)} sessions with energy; 2 needed" + (f" ({problems[0]})" if problems else "")
        return EnergyAnswer(choice.grade, choice.simulated, why, source=choice.source)
    scored = None if quality is None else quality_gain(quality.baseline, quality.candidate, confidence)
    dense = (
        None if scored is None else density(scored, [p[1] for p in pairs], [p[0] for p in pairs], shared, confidence)
    )
    lost = f"; {len(problems)} sessions have none ({problems[0]})" if problems else ""
    return EnergyAnswer(
        grade=choice.grade,
        simulated=choice.simulated,
        reason=(against or UNCLAIMED) + lost,
        source=choice.source,
        sessions=saved.sessions,
        baseline_j=_typical([pair[3] for pair in pairs]),
        candidate_j=_typical([pair[4] for pair in pairs]),
        gain=saved.gain,
        low=saved.low,
        high=saved.high,
        type_a=saved.type_a,
        type_b=saved.type_b,
        **_density_fields(dense),
    )


def _density_fields(found: Density | None) -> dict[str, float]:
    """ECD and the parts beside energy, flat."""
    if found is None:
        return {}
    parts: dict[str, LogGain] = {"ecd": found.total, "throughput": found.throughput, "quality": found.quality}
    return {
        f"{name}_{field}": value
        for name, part in parts.items()
        for field, value in (("gain", part.gain), ("low", part.low), ("high", part.high))
    }


def _typical(windows: Sequence[EnergyWindow]) -> float:
    """Median joules per item."""
    values = sorted(window.energy_per_item_j or 0.0 for window in windows)
    return values[len(values) // 2]


def said(cells: Mapping[str, EnergyAnswer]) -> str:
    """Why energy is not claimed, with what was measured where something was: for the scope's reasons."""
    measured = [(key, found) for key, found in cells.items() if found.gain is not None]
    if not measured:
        reasons = dict.fromkeys(found.reason for found in cells.values())
        return f"no evidence: {'; '.join(reasons) or NO_SOURCE}"
    shown = ", ".join(f"{key} {percent_within(found.gain, found.low, found.high)}" for key, found in measured)
    first = measured[0][1]
    source = f"{first.source}, simulated" if first.simulated else first.source
    return f"{first.reason}; joules per item, baseline over candidate ({source}): {shown}"
