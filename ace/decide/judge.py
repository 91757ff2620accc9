"""`judge`: what the store holds and a policy in, one decision per claim out. The only place where verdicts come from.

Pure: the same evidence and policy give the same decisions, byte for byte. The story: sort the evidence, put a number on
every cell, let the skeptic doubt them, draw the map, ask the gates, conclude.
"""

import shlex
from typing import cast

import ace
from ace.decide import commands
from ace.decide.axes import effects_of
from ace.decide.cells import cell_key, several_sizes
from ace.decide.dossier import Dossier, compile_dossier
from ace.decide.energy import energy_of
from ace.decide.envelope import envelope_of
from ace.decide.estimates import CellEstimate, estimate
from ace.decide.gates import REQUIRED, check
from ace.decide.gates.coverage import Consulted
from ace.decide.gates.memory import memory_of
from ace.decide.gates.provenance import IMPORTED, MEASURED, NONE
from ace.decide.gather import Case, gather
from ace.decide.mapping import landscape_of
from ace.decide.mechanism import mechanism_of
from ace.decide.regimes import slower_than_same, without_gain
from ace.decide.roofline import known
from ace.decide.scopes import memory_claim, power_claims
from ace.decide.series import series_of
from ace.decide.skeptic import challenge
from ace.decide.transfer import transfers
from ace.decide.tuning import tuning_of
from ace.decide.verdict import Standing, verdict_of
from ace.domain.answers import NullAnswer
from ace.domain.decision import (
    DECISION_SCHEMA_VERSION,
    Attempt,
    BenchmarkAnswer,
    CellDecision,
    CellProvenance,
    Claims,
    Decision,
    ScopeClaim,
)
from ace.domain.plan import DEVELOPMENT, HOLDOUT, SPLITS
from ace.domain.policy import Policy
from ace.domain.session import BASELINE, CANDIDATE
from ace.domain.stored import Evidence
from ace.domain.verdict import Regime


def judge(evidence: Evidence, policy: Policy) -> tuple[Decision, ...]:
    """One decision per claim, the newest first.  Raises EvidenceError when nothing was recorded."""
    return tuple(_judge(case, policy) for case in gather(evidence))


def _judge(case: Case, policy: Policy) -> Decision:
    consulted = Consulted(policy)
    reading = cast(Policy, consulted)
    cells = estimate(case.cells, reading, max(reading.holdout_looks, len(case.looks)))
    doubts = challenge(cells, reading)
    dossier = compile_dossier(case, cells, doubts, reading)
    gates = check(dossier, reading, consulted)
    standing = _standing(dossier, policy)
    verdict, reasons = verdict_of(gates, doubts, REQUIRED, standing)
    less_memory, of_memory = memory_claim(dossier, doubts, standing, policy)
    map_cells = tuple(_cell(cell, dossier.regimes[cell.key]) for cell in cells)
    answers = {cell.cell: cell.energy for cell in map_cells if cell.energy is not None}
    (energy, of_energy), (ecd, of_ecd) = power_claims(dossier, doubts, standing, policy, answers)
    newest = max((s for c in case.cells for s in c.sessions), key=lambda s: s.started_at, default=None)
    environment = newest.environment if newest else None
    envelope = envelope_of(dossier, verdict)
    speed = ScopeClaim(verdict, reasons, tuple(cell.key for cell in dossier.claimed))
    return Decision(
        schema_version=DECISION_SCHEMA_VERSION,
        experiment=case.store.experiment,
        claim=case.claim,
        label=case.label,
        planted=case.planted,
        verdict=verdict,
        claims=Claims(speed, energy, less_memory, ecd),
        registration=case.registration.digest if case.registration else None,
        policy=policy,
        gates=(*gates, *of_memory, *of_energy, *of_ecd),
        findings=doubts,
        cells=map_cells,
        axes=effects_of(dossier.on(DEVELOPMENT)),
        landscape=landscape_of(dossier, policy),
        mechanism=mechanism_of(dossier.on(DEVELOPMENT)),
        benchmarks=_benchmarks(case),
        transfer=transfers(cells, policy),
        attempts=_attempts(case),
        tuning=tuning_of(case),
        envelope=envelope,
        look_ledger=tuple(look.digest for look in case.looks),
        environment=environment,
        versions=(("ace", ace.__version__), *(environment.versions if environment else ())),
        reproduce=_reproduce(case),
    )


def _standing(dossier: Dossier, policy: Policy) -> Standing:
    development = dossier.on(DEVELOPMENT)
    whole = dossier.whole
    dry = (without_gain(cell, dossier.regimes[cell.key], policy) for cell in development)
    return Standing(
        registered=dossier.case.registration is not None and bool(dossier.case.registration.cells),
        holdout_opened=bool(dossier.on(HOLDOUT)),
        calibration=dossier.case.planted is not None,
        lost_everywhere=whole and all(slower_than_same(cell, policy) for cell in development),
        nothing_left=whole and all(dry),
        claims_grid=dossier.claims_all(dossier.claimed) and _covers_its_grid(dossier),
    )


def _covers_its_grid(dossier: Dossier) -> bool:
    """Whether the registered cells are the whole grid that was declared with them."""
    registered = dossier.case.registration
    return registered is None or set(registered.cells) == set(registered.grid)


def _cell(found: CellEstimate, regime: Regime) -> CellDecision:
    shape, band, energy = found.cell.shape, found.band, energy_of(found.cell, found.alpha)
    seconds, shares = dict(found.seconds), found.of_roofline
    return CellDecision(
        cell=found.key,
        seq_len=shape.seq_len,
        batch=shape.batch,
        hidden=shape.hidden,
        depth=shape.depth,
        split=found.cell.split,
        gain=band.gain,
        low=band.low,
        high=band.high,
        lcb=found.bounds.low,
        ucb=found.bounds.high,
        sessions=band.sessions,
        answer=band.answer,
        reasons=band.reasons,
        regime=regime,
        baseline_s=seconds.get(BASELINE),
        candidate_s=seconds.get(CANDIDATE),
        baseline_roofline=known(shares[BASELINE]),
        candidate_roofline=known(shares[CANDIDATE]),
        null=NullAnswer(found.null.gain, found.null.low, found.null.high),
        rivals=found.rivals,
        quality=found.quality,
        further=found.further,
        memory=memory_of(found.cell.records),
        energy=energy,
        provenance=CellProvenance(_latency_grade(found), MEASURED if found.quality else NONE, energy.grade),
        slices=found.slices,
        series=series_of(found.cell.sessions, found.own.session_gains, found.null.session_gains, found.own.cut_rounds),
        records=tuple(m.digest for m in found.cell.measurements),
    )


def _benchmarks(case: Case) -> tuple[BenchmarkAnswer, ...]:
    """Every benchmark that a cell of the map was asked, once a split."""
    plans = [cell.newest.record.plan for cell in case.cells]
    asked = [spec for plan in plans for spec in (plan.benchmark, *plan.further)]
    made = [BenchmarkAnswer(s.split, s.name, s.task, s.metric, s.licence) for s in asked]
    return tuple(dict.fromkeys(made))


def _latency_grade(found: CellEstimate) -> str:
    """Only a session of ACE's own is MEASURED; timings of another tool are what its file says."""
    if any(record.imported is not None for record in found.cell.records):
        return IMPORTED
    return MEASURED if found.seconds else NONE


def _reproduce(case: Case) -> tuple[str, ...]:
    """The commands that measure the map again, split by split, and then this decision."""
    by_split = [[cell for cell in case.cells if cell.split == split] for split in SPLITS]
    measuring = [commands.reproduce(cells) for cells in by_split if cells]
    return (*measuring, f"ace-decide --experiment {shlex.quote(case.store.experiment)}")


def _attempts(case: Case) -> tuple[Attempt, ...]:
    many = several_sizes(case.attempts)
    used = {m.run_id for cell in case.cells for m in cell.measurements}
    return tuple(
        Attempt(
            run_id=a.run_id,
            status=a.status,
            started_at=a.started_at,
            cell=cell_key(a.plan.benchmark.split, a.plan.shape, many) if a.plan else None,
            sweep=a.sweep,
            job=a.job,
            record=a.record_digest,
            used=a.run_id in used,
            problem=a.problem,
        )
        for a in case.attempts
    )
