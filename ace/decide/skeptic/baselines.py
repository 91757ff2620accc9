"""Rule baseline drift: does the unchanged model take as long as when it was first measured here?

Snapshots of the same fingerprint are held against the earliest. Candidates are compared within sessions, so a drift
falsifies no gain; it says that the machine is not what it was, and that times in seconds should not be compared.
"""

import math
from collections.abc import Iterable, Iterator
from statistics import fmean, variance

from ace.decide.estimates import CellEstimate
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.policy import Policy
from ace.domain.snapshot import Fingerprint, Snapshot, snapshot_of
from ace.domain.wording import percent
from ace.stats import student

NAME = "baseline drift"


def drifted(cells: Iterable[CellEstimate], policy: Policy) -> Iterator[Finding]:
    """Every later measurement of a baseline against the earliest of the same fingerprint."""
    threshold = f"the baseline's time within {100 * policy.delta:g} % of its first measurement (95 % interval)"
    first: dict[Fingerprint, Snapshot] = {}
    made = [(cell.key, snapshot_of(m.record, m.digest)) for cell in cells for m in cell.cell.measurements]
    found = [(snapshot.measured_at, key, snapshot) for key, snapshot in made if snapshot is not None]
    for _, key, snapshot in sorted(found, key=lambda entry: entry[:2]):
        if snapshot.fingerprint not in first:
            first[snapshot.fingerprint] = snapshot
            continue
        shift, half = _shift(first[snapshot.fingerprint], snapshot)
        seen = f"{percent(shift)} +- {100 * half:.1f} % against the first measurement"
        fires = abs(shift) - half > policy.gain_floor
        step = "compare gains, not seconds; find out what the machine was doing" if fires else ""
        outcome = Outcome.FAIL if fires else Outcome.PASS
        yield Finding(NAME, outcome, Severity.WARN, key, seen, threshold, step)


def _shift(before: Snapshot, after: Snapshot) -> tuple[float, float]:
    """Log ratio after/before of the sessions' medians and half of its 95 % interval (Welch 1947)."""
    one, two = ([math.log(s) for s in snapshot.seconds] for snapshot in (before, after))
    shift = fmean(two) - fmean(one)
    if min(len(one), len(two)) < 2:
        return shift, math.inf
    errors = [variance(values) / len(values) for values in (one, two)]
    total = sum(errors)
    if not total:
        return shift, 0.0
    df = total**2 / sum(e**2 / (len(values) - 1) for e, values in zip(errors, (one, two), strict=True) if e)
    return shift, student.quantile(df, 0.975) * math.sqrt(total)
