"""From the records of null and planted cells to what this machine can see.

Called by `ace-calibrate` after its cells were measured. The truth is known here, so every number has its check: the
bias of nothing, the planted size inside its interval, and the null arm's own false claims under relabelled sessions.
"""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from ace.decide.estimates import compared
from ace.decide.series import arm_seconds
from ace.domain.calibration import CALIBRATION_SCHEMA_VERSION, Calibration, Effect, Needed, ShapeCalibration
from ace.domain.estimate import Comparison
from ace.domain.policy import Policy
from ace.domain.record import CellRecord
from ace.domain.session import BASELINE, CANDIDATE, NULL
from ace.errors import EvidenceError
from ace.stats import compare, student
from ace.stats.intake import FloatArray
from ace.stats.power import sessions_to_settle
from ace.stats.sessions import MIN_SESSIONS

EFFECTS = (0.01, 0.02, 0.03, 0.05)  # of which it is said how many sessions show them
PLANTED_UNCERTAINTY = 0.1  # of the planted share: its amount is itself measured once a session, to about 5 %
MOST_FLIPS = 4096  # relabellings: all of them up to 12 sessions, a seeded sample beyond


def calibrate(records: Sequence[CellRecord], policy: Policy) -> Calibration:
    """`records`: identity and planted cells.  Raises EvidenceError where a shape has no identity cell with sessions."""
    shapes = dict.fromkeys(record.plan.shape for record in records)
    first = next((s for record in records for s in record.sessions), None)
    if first is None:
        raise EvidenceError("no session was measured, so nothing is known of this machine; see the failures above")
    return Calibration(
        schema_version=CALIBRATION_SCHEMA_VERSION,
        host=first.environment.host,
        cpu_model=first.environment.cpu_model,
        threads=first.environment.threads,
        protocol=records[0].plan.protocol.name,
        margin=policy.margin,
        started_at=min(record.started_at for record in records),
        package_digest=records[0].code.package_digest,
        shapes=tuple(_shape([r for r in records if r.plan.shape == shape], policy) for shape in shapes),
    )


def _shape(records: Sequence[CellRecord], policy: Policy) -> ShapeCalibration:
    nothing = [r for r in records if r.planted is None]
    planted = [r for r in records if r.planted is not None]
    if not nothing:
        raise EvidenceError(f"{records[0].plan.shape}: no cell without planted work was measured")
    confidence = 1 - policy.alpha
    own = compared(nothing, CANDIDATE, policy.margin, confidence)
    sessions = [s for r in records for s in r.sessions]
    null = compare(*arm_seconds(sessions, BASELINE, NULL), margin=policy.margin, confidence=confidence)
    gains = np.array(null.session_gains)
    return ShapeCalibration(
        shape=str(records[0].plan.shape),
        sessions=own.sessions,
        bias=_effect(0.0, own, 0.0),
        null=_effect(0.0, null, 0.0),
        smallest_visible=own.smallest_visible_gain,
        needed=tuple(Needed(math.log1p(share), _needed(share, own, policy)) for share in EFFECTS),
        permuted_claims=permuted_claims(gains, 0.0, policy.alpha),
        permuted_claims_with_margin=permuted_claims(gains, policy.margin, policy.alpha),
        effects=tuple(_planted(record, policy) for record in planted),
    )


def _needed(share: float, own: Comparison, policy: Policy) -> int | None:
    if len(own.session_gains) < 2 or share <= policy.margin:
        return None  # an effect within the margin is called the same, however many sessions there are
    deviation = float(np.std(own.session_gains, ddof=1))
    return sessions_to_settle(math.log1p(share), deviation, policy.margin, policy.alpha, MIN_SESSIONS)


def _planted(record: CellRecord, policy: Policy) -> Effect:
    share = float(dict(record.plan.executor.parameters)["share"])
    sign = 1.0 if record.planted == BASELINE else -1.0
    seen = compared([record], CANDIDATE, policy.margin, 1 - policy.alpha)
    return _effect(sign * math.log1p(share), seen, PLANTED_UNCERTAINTY * math.log1p(share))


def _effect(expected: float, seen: Comparison, slack: float) -> Effect:
    known = seen.low is not None and seen.high is not None
    found = (seen.low or 0.0) - slack <= expected <= (seen.high or 0.0) + slack if known else None
    return Effect(expected, seen.gain, seen.low, seen.high, seen.answer, found)


def permuted_claims(gains: FloatArray, margin: float, alpha: float) -> float | None:
    """Share of relabellings that would claim a difference beyond the margin; about alpha where sessions are sound.

    Relabelling baseline and null in a session changes the sign of its gain (Fisher 1935).  gains: (sessions,).
    """
    n = len(gains)
    if n < MIN_SESSIONS or not np.ptp(np.abs(gains)):
        return None
    if 2**n <= MOST_FLIPS:
        signs = np.array(list(product((1.0, -1.0), repeat=n)))
    else:
        signs = np.random.default_rng(0).choice((1.0, -1.0), (MOST_FLIPS, n))
    flipped = signs * gains  # (relabellings, sessions)
    reach = student.critical(n - 1, alpha) * flipped.std(axis=1, ddof=1) / math.sqrt(n)
    return float((np.abs(flipped.mean(axis=1)) - reach > math.log1p(margin)).mean())
