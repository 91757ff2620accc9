"""Rules drift, order effect, dependence, dispersion, resolution, conditions: was the room quiet? All of them only warn.

Mirrored blocks cancel a linear drift and pairs cancel slow noise, so these do not move the gain; they say how much
there was to cancel.
"""

from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from ace import stats
from ace.decide.asking import named
from ace.decide.estimates import CellEstimate
from ace.decide.series import arm_seconds
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.policy import Policy
from ace.domain.session import BASELINE, CANDIDATE
from ace.domain.wording import percent_within

QUIET = "quiet the machine (other processes, frequency scaling) before measuring more"
LEAST_ROUNDS = 4


def _warn(name: str, outcome: Outcome, cell: CellEstimate, evidence: str, threshold: str, next_step: str) -> Finding:
    step = "" if outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE) else next_step
    return Finding(name, outcome, Severity.WARN, cell.key, evidence, threshold, step)


def _fired(fires: bool) -> Outcome:
    return Outcome.FAIL if fires else Outcome.PASS


def _log_seconds(cell: CellEstimate, *arms: str) -> list[np.ndarray]:
    """Logs of each arm, warm-up cut.  (sessions, rounds) each."""
    tables = arm_seconds(cell.cell.sessions, *arms)
    return [np.log(np.array(table))[:, cell.own.cut_rounds :] if table else np.empty((0, 0)) for table in tables]


def drift(cell: CellEstimate, policy: Policy) -> Finding:
    """The baseline's own change over a session, from its first third to its last."""
    threshold = f"baseline's change over a session not beyond ±{100 * policy.delta:g} %"
    seconds, _ = arm_seconds(cell.cell.sessions, BASELINE, CANDIDATE)
    kept = [row[cell.own.cut_rounds :] for row in seconds]
    found = stats.drift(kept, confidence=1 - cell.alpha) if kept and len(kept[0]) >= LEAST_ROUNDS else None
    if found is None:
        shown = f"{len(kept)} sessions of {len(kept[0]) if kept else 0} rounds"
        return _warn("drift", Outcome.NO_EVIDENCE, cell, shown, threshold, "measure more")
    fires = found.low > policy.gain_floor or found.high < -policy.gain_floor
    shown = f"baseline's time changes {percent_within(found.value, found.low, found.high)} over a session"
    return _warn("drift", _fired(fires), cell, shown, threshold, QUIET)


def order_effect(cell: CellEstimate, policy: Policy) -> Finding:
    """Whether whoever runs second gains by it: blocks cancel that; a large one says that calls disturb each other."""
    threshold = f"gain does not depend on who runs first by more than ±{100 * policy.delta:g} %"
    sessions = [s for s in cell.cell.sessions if {BASELINE, CANDIDATE} <= {t.arm for t in s.timings}]
    seconds = arm_seconds(sessions, BASELINE, CANDIDATE)
    rounds = len(seconds[0][0]) if seconds[0] else 0
    first = [[row.index(BASELINE) < row.index(CANDIDATE) for row in s.order[:rounds]] for s in sessions]
    found = stats.order_interaction(*seconds, first, confidence=1 - cell.alpha) if rounds else None
    if found is None:
        return _warn("order effect", Outcome.NO_EVIDENCE, cell, "one order only", threshold, "measure more")
    fires = found.low > policy.gain_floor or found.high < -policy.gain_floor
    shown = f"gain differs by {percent_within(found.value, found.low, found.high)} between the two orders"
    return _warn("order effect", _fired(fires), cell, shown, threshold, QUIET)


def dependence(cell: CellEstimate, _: Policy) -> Finding:
    """Whether neighbouring sessions resemble each other: then there are fewer of them than were counted."""
    threshold = f"neighbouring sessions no more alike than chance explains (Bartels' rank test, {cell.alpha:g})"
    gains = cell.own.session_gains
    p_value = stats.serial_dependence(np.array(gains))
    if p_value is None:
        return _warn("dependence", Outcome.NO_EVIDENCE, cell, f"{len(gains)} sessions", threshold, "measure more")
    step = "something outlasts a session (heat, another tenant): measure at another time and compare"
    return _warn("dependence", _fired(p_value < cell.alpha), cell, f"p = {p_value:.2g}", threshold, step)


def dispersion(cell: CellEstimate, policy: Policy) -> Finding:
    """IQR over median of the ratios within blocks, all sessions together."""
    threshold = f"IQR / median of ratios within blocks < {policy.dispersion_limit:g}"
    baseline, candidate = _log_seconds(cell, BASELINE, CANDIDATE)
    sessions, rounds = baseline.shape
    if sessions == 0 or rounds < LEAST_ROUNDS:
        return _warn("dispersion", Outcome.NO_EVIDENCE, cell, "too few rounds", threshold, "measure more")
    blocks = (baseline - candidate)[:, : rounds - rounds % 2].reshape(sessions, -1, 2).mean(axis=2)
    low, middle, high = np.quantile(np.exp(blocks), (0.25, 0.5, 0.75))
    share = float((high - low) / middle)
    outcome = Outcome.FAIL if share >= policy.dispersion_limit else Outcome.PASS
    return _warn("dispersion", outcome, cell, f"IQR / median {share:.3f} over {blocks.size} blocks", threshold, QUIET)


def resolution(cell: CellEstimate, policy: Policy) -> Finding:
    """The typical timing of the fastest arm, inner calls included."""
    threshold = f"a timing lasts >= {1000 * policy.resolution_s:g} ms"
    lengths = [
        median(timings.wall_s) * session.calls_per_timing
        for session in cell.cell.sessions
        for timings in session.timings
        if timings.wall_s
    ]
    if not lengths:
        return _warn("resolution", Outcome.NO_EVIDENCE, cell, "no timing", threshold, "measure this cell")
    outcome = Outcome.FAIL if min(lengths) < policy.resolution_s else Outcome.PASS
    return _warn(
        "resolution",
        outcome,
        cell,
        f"shortest typical timing {1000 * min(lengths):.2f} ms",
        threshold,
        "raise protocol.min_timing_s",
    )


def conditions(cell: CellEstimate, _: Policy) -> Finding:
    """Measurements of the cell by other code or on another host are not pooled: the newest conditions are used."""
    used = f"{len(cell.cell.measurements)} measurement(s) by {cell.cell.conditions}"
    left = [f"{len(some)} by {other}" for other, some in cell.cell.others]
    evidence = f"{used}; not used: {named(left)}" if left else used
    return _warn(
        "conditions",
        Outcome.FAIL if left else Outcome.PASS,
        cell,
        evidence,
        "one code and one host per cell",
        "compare them by hand if they matter; nothing is deleted",
    )


def mixed(cells: Sequence[CellEstimate]) -> Iterator[Finding]:
    """Cells of one map by other code, libraries, settings, threads or hosts: each stands for itself, side by side they
    may not compare."""
    made = {field: set[object]() for field in ("package", "libraries", "settings", "threads", "host")}
    for cell in cells:
        for field, values in made.items():
            values.add(getattr(cell.cell.conditions, field))
    differing = [f"{len(values)} of {field}" for field, values in made.items() if len(values) > 1]
    if differing:
        yield Finding(
            "conditions",
            Outcome.FAIL,
            Severity.WARN,
            None,
            f"cells of this map differ in their conditions: {named(differing, len(differing))}",
            "one code, one set of libraries and one place for the whole map",
            "measure all cells of the map again before comparing them",
        )
