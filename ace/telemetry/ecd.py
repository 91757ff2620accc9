"""Effective compute density and its three parts, each with an interval that joins what repeats show and what they hide.

    ECD = quality * (items / second) / (joules / item)
    ln ECD gain = ln quality ratio + ln throughput ratio + ln energy ratio

Where energy is proportional to time ECD counts time twice, so the parts always stand beside it (3-telemetry). Type A:
scatter over sessions, Student's t; type B: what is the same in every session, normal (GUM, JCGM 100:2008, 4.2, 4.3);
joined in quadrature at the stated confidence.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ace.stats.student import quantile

NORMAL_DF = 1e12  # Student's t with so many degrees of freedom is the normal distribution


@dataclass(frozen=True, slots=True)
class LogGain:
    """A log ratio, > 0 where the candidate is better. `type_a`, `type_b`: standard uncertainties (k=1)."""

    gain: float
    low: float
    high: float
    type_a: float
    type_b: float
    sessions: int


@dataclass(frozen=True, slots=True)
class Density:
    """ln ECD gain with its three parts."""

    quality: LogGain
    throughput: LogGain
    energy: LogGain
    total: LogGain


def over_sessions(logs: Sequence[float], type_b: float, confidence: float) -> LogGain | None:
    """Mean over sessions, with its interval; None for fewer than two sessions: nothing shows how they scatter."""
    if len(logs) < 2:
        return None
    type_a = statistics.stdev(logs) / math.sqrt(len(logs))
    t = quantile(len(logs) - 1, (1 + confidence) / 2)
    return _joined(statistics.fmean(logs), t * type_a, type_a, type_b, len(logs), confidence)


def quality_gain(baseline: Sequence[float], candidate: Sequence[float], confidence: float) -> LogGain | None:
    """ln of the ratio of two mean scores, paired per example; None where a mean is not positive.

    The delta method (Oehlert 1992) on pairs: Var ln(c/b) = Var(c_i/mean(c) - b_i/mean(b)) / n.
    """
    below, above = statistics.fmean(baseline), statistics.fmean(candidate)
    if below <= 0 or above <= 0 or len(baseline) < 2:
        return None
    parts = [c / above - b / below for b, c in zip(baseline, candidate, strict=True)]
    type_a = statistics.stdev(parts) / math.sqrt(len(parts))
    t = quantile(len(parts) - 1, (1 + confidence) / 2)
    return _joined(math.log(above / below), t * type_a, type_a, 0.0, len(parts), confidence)


def density(
    quality: LogGain, throughput: Sequence[float], energy: Sequence[float], type_b: float, confidence: float
) -> Density | None:
    """ECD of sessions whose throughput and energy ratios stand at equal places; None for fewer than two.

    Both come from the same sessions and are correlated (a session that is fast is also frugal), so they are added
    session by session before their scatter is taken. Quality is of other runs and independent.
    """
    faster, saved = over_sessions(throughput, 0.0, confidence), over_sessions(energy, type_b, confidence)
    both = [a + b for a, b in zip(throughput, energy, strict=True)]
    joint = over_sessions(both, type_b, confidence)
    if faster is None or saved is None or joint is None:
        return None
    half = math.hypot(joint.high - joint.gain, quality.high - quality.gain)
    gain = joint.gain + quality.gain
    type_a = math.hypot(joint.type_a, quality.type_a)
    total = LogGain(gain, gain - half, gain + half, type_a, type_b, joint.sessions)
    return Density(quality, faster, saved, total)


def _joined(gain: float, half_a: float, type_a: float, type_b: float, n: int, confidence: float) -> LogGain:
    half = math.hypot(half_a, quantile(NORMAL_DF, (1 + confidence) / 2) * type_b)
    return LogGain(gain, gain - half, gain + half, type_a, type_b, n)
