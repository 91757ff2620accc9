"""The first word on a cell that was just measured: numbers for the run, and one line for people.

Called by the launcher before the record is written to the store. Judges nothing: it knows the margin of the policy and
what a quality difference is, no gate and no verdict.
"""

from collections.abc import Mapping

from ace.decide.energy import energy_of_records
from ace.decide.estimates import compared
from ace.decide.gates.provenance import IMPORTED, MEASURED
from ace.decide.quality import settled_by
from ace.decide.roofline import achieved
from ace.decide.series import arms_of, typical_seconds
from ace.domain.answers import QualityAnswer
from ace.domain.estimate import Comparison
from ace.domain.policy import Policy
from ace.domain.record import CellRecord
from ace.domain.session import CANDIDATE, NULL
from ace.domain.wording import percent_within, points_within

DERIVED = "DERIVED"
READ_OFF = ("latency/", "sessions/", "quality/baseline", "quality/candidate", "quality/cosine", "quality/examples")
"""Numbers that are readings of a clock or a score; every other one is computed from several of them."""


def summary_metrics(record: CellRecord, policy: Policy) -> tuple[Mapping[str, float], Mapping[str, str]]:
    """Metrics by `group/name_unit` and the provenance of each. What was not measured has no entry, never a zero."""
    candidate, null = _compared(record, CANDIDATE, policy), _compared(record, NULL, policy)
    found: dict[str, float | None] = {
        "sessions/measured": len(record.sessions),
        "sessions/failed": len(record.failures),
        "gain/candidate_log": candidate.gain,
        "gain/low_log": candidate.low,
        "gain/high_log": candidate.high,
        "null/gain_log": null.gain,
        "null/half_width_log": None if null.low is None or null.high is None else (null.high - null.low) / 2,
    }
    if record.imported is not None:
        found["sessions/imported"] = len(record.imported.pair[0])
    for arm in arms_of(record.sessions):
        found[f"latency/{arm}_s"] = typical_seconds(record.sessions, arm, candidate.cut_rounds)
        found[f"roofline/{arm}_fraction"] = achieved([record], arm, candidate.cut_rounds)
    if quality := settled_by([record], policy.alpha, policy):
        found |= _quality_metrics(quality)
    energy, origin = _energy_metrics(record, policy)
    read_off = MEASURED if record.imported is None else IMPORTED
    metrics = {name: float(value) for name, value in found.items() if value is not None}
    provenance = {name: read_off if name.startswith(READ_OFF) else DERIVED for name in metrics}
    return {**metrics, **energy}, provenance | dict.fromkeys(energy, origin)


def answer_line(record: CellRecord, policy: Policy) -> str:
    """`64x1 development: faster +12.9 % [+12.1, +13.8], quality -0.7 points [-2.0, +0.6]`."""
    speed = _compared(record, CANDIDATE, policy)
    why = f" ({speed.reasons[0]})" if speed.reasons else ""
    quality = settled_by([record], policy.alpha, policy)
    scored = (
        points_within(quality.difference, quality.low, quality.high)
        if quality
        else f"not scored ({record.quality_reason or 'no example'})"
    )
    gain = percent_within(speed.gain, speed.low, speed.high)
    energy = _energy_said(record, policy)
    return f"{record.plan.shape} {record.split}: {speed.answer} {gain}{why}, quality {scored}{energy}"


def _energy_metrics(record: CellRecord, policy: Policy) -> tuple[dict[str, float], str]:
    """Joules and their gain in a group that says when nothing was measured, and the grade as provenance."""
    found = energy_of_records([record], policy.alpha)
    numbers = {
        "baseline_j_per_item": found.baseline_j,
        "candidate_j_per_item": found.candidate_j,
        "idle_w": found.idle_w,
        "gain_log": found.gain,
        "low_log": found.low,
        "high_log": found.high,
        "ecd_gain_log": found.ecd_gain,
        "ecd_low_log": found.ecd_low,
        "ecd_high_log": found.ecd_high,
    }
    group = "energy_simulated" if found.simulated else "energy"
    origin = f"{found.grade}, simulated" if found.simulated else found.grade
    return {f"{group}/{name}": value for name, value in numbers.items() if value is not None}, origin


def _energy_said(record: CellRecord, policy: Policy) -> str:
    """`, energy +5.1 % [+4.8, +5.4] (rapl)`, or that there is no evidence; nothing where none was asked for."""
    if not record.energy_sources:
        return ""
    found = energy_of_records([record], policy.alpha)
    if found.gain is None:
        return f", energy NO_EVIDENCE: {found.reason}"
    source = f"{found.source}, simulated" if found.simulated else str(found.source)
    return f", energy {percent_within(found.gain, found.low, found.high)} ({source})"


def _compared(record: CellRecord, arm: str, policy: Policy) -> Comparison:
    """`arm` against the baseline, two-sided at 1 - alpha; inconclusive, not an error, where there is too little."""
    return compared([record], arm, policy.margin, 1 - policy.alpha)


def _quality_metrics(found: QualityAnswer) -> dict[str, float | None]:
    return {
        "quality/baseline": found.baseline,
        "quality/candidate": found.candidate,
        "quality/difference": found.difference,
        "quality/low": found.low,
        "quality/high": found.high,
        "quality/cosine": found.cosine,
        "quality/examples": found.n,
    }
