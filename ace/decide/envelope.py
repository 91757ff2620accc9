"""From an accepted claim to the envelope that may be served: which shapes, bound to what, until when.

Last part of `judge`. A verdict below ACCEPTED_WITHIN_ENVELOPE gives an envelope that admits nothing; `unsafe_envelope`
is the one way around it, and what it makes is marked for ever.
"""

from dataclasses import replace

from ace.decide.cells import shape_order
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate
from ace.domain.decision import Decision
from ace.domain.envelope import ACCEPTING, ENVELOPE_SCHEMA_VERSION, Admitted, Bound, Envelope
from ace.domain.plan import DEVELOPMENT, EXACT, HOLDOUT
from ace.domain.session import BASELINE
from ace.domain.verdict import Regime, Verdict


def envelope_of(dossier: Dossier, verdict: Verdict) -> Envelope:
    """The envelope of a claim with this verdict; it expires when the first of its cells is no longer fresh."""
    case = dossier.case
    development = dossier.on(DEVELOPMENT)
    plans = [cell.cell.newest.record.plan for cell in development]
    return Envelope(
        schema_version=ENVELOPE_SCHEMA_VERSION,
        experiment=case.store.experiment,
        claim=case.claim,
        label=case.label,
        verdict=verdict,
        unsafe=False,
        registration=case.registered_digest,
        admitted=tuple(_admitted(dossier, cell) for cell in dossier.claimed) if verdict in ACCEPTING else (),
        measured=tuple(sorted(dossier.tried(), key=shape_order)),
        padded=any(plan.benchmark.inputs != EXACT for plan in plans),
        bound=_bound(dossier),
        expires_at=dossier.fresh_until,
        measured_at=dossier.measured_until,
    )


def unsafe_envelope(decision: Decision) -> Envelope:
    """The same for a verdict that accepts nothing: the positive development cells, marked as unsafe."""
    if decision.verdict in ACCEPTING:
        return decision.envelope
    positive = [c for c in decision.cells if c.split == DEVELOPMENT and c.regime is Regime.POSITIVE]
    admitted = tuple(Admitted(cell.shape, cell.gain, cell.low, cell.high) for cell in positive)
    return replace(decision.envelope, admitted=admitted, unsafe=True)


def _admitted(dossier: Dossier, claimed: CellEstimate) -> Admitted:
    held = dossier.at(HOLDOUT, claimed.cell.shape)
    if held is None:
        return Admitted(claimed.cell.shape, None, None, None)
    return Admitted(claimed.cell.shape, held.own.gain, held.own.low, held.own.high)


def _bound(dossier: Dossier) -> Bound | None:
    """What the newest session of the claimed cells ran on; gate parity and the conditions of a cell hold the others to
    it."""
    cells = dossier.claimed or dossier.cells
    sessions = [session for cell in cells for session in cell.cell.sessions]
    if not sessions:
        return None
    newest = max(sessions, key=lambda session: session.started_at)
    place = newest.environment
    baseline = next((arm for arm in newest.arms if arm.arm == BASELINE), None)
    versions = dict(place.versions)
    return Bound(
        weights=newest.baseline_digest.partition(".")[0],
        cpu_model=place.cpu_model,
        device=place.device,
        threads=place.threads,
        torch=versions.get("torch", "unknown"),
        number_types=() if baseline is None else baseline.dtypes,
        attention=() if baseline is None else baseline.attention_backends,
        cuda=versions.get("cuda") if place.on_board else None,
    )
