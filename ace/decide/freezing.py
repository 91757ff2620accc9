"""What may be registered: the cells of a claim that development and validation leave without a doubt.

Asked by `ace-freeze`. Pure: evidence, policy and the state of the code in, a Registration out. A claim that a gate or a
rule already denies is not worth its one look at the sealed documents, so it is refused here with the gate's own words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ace.decide.gather import Case, gather
from ace.decide.judge import judge
from ace.domain.decision import CellDecision, Decision
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.plan import DEVELOPMENT, HOLDOUT, VALIDATION, BenchmarkSpec, Shape
from ace.domain.policy import Policy
from ace.domain.record import CellRecord, CodeState
from ace.domain.registration import REGISTRATION_SCHEMA_VERSION, Registration, looks_of
from ace.domain.stored import Evidence
from ace.domain.verdict import Regime
from ace.errors import PlanError

AUTO = "auto"
PER_CELL = ("instrument", "gain", "quality", "guardrails", "fairness", "validation", "overhead")
OF_CLAIM = ("integrity", "complete", "parity", "provenance", "complexity", "coverage")
FINE = (Outcome.PASS, Outcome.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class Frozen:
    """A registration, whether it was there before, and the positive cells that it leaves out, each with the reason."""

    registration: Registration
    existing: bool
    left_out: tuple[tuple[str, str], ...]


def freeze(
    evidence: Evidence, policy: Policy, cells: str, holdout: BenchmarkSpec, code: CodeState, now_s: float
) -> Frozen:
    """Register the newest claim of `evidence`. `cells`: auto, or shapes as in 64x1,128x1.

    `code`: as it is now. Raises PlanError saying what keeps the claim from being registered.
    """
    open_evidence = replace(evidence, registrations=())  # judged as if nothing had been chosen yet
    decision, case = judge(open_evidence, policy)[0], gather(open_evidence)[0]
    if wide := _of_the_claim(decision):
        raise PlanError(f"not registered: {'; '.join(wide)}.")
    development = [cell for cell in decision.cells if cell.split == DEVELOPMENT]
    blocked = {cell.cell: _blockers(cell, decision) for cell in development}
    chosen = _chosen(development, blocked, cells)
    made = _registration(case, decision, chosen, policy, holdout, code, now_s)
    left = [cell for cell in development if cell.regime is Regime.POSITIVE and cell not in chosen]
    left_out = tuple((cell.cell, "; ".join(blocked[cell.cell]) or "not in --cells") for cell in left)
    for stored in evidence.registrations:
        if stored.registration is not None and stored.registration.says_the_same_as(made):
            return Frozen(stored.registration, True, left_out)
    _require_look_left(made, evidence)
    return Frozen(made, False, left_out)


def _of_the_claim(decision: Decision) -> list[str]:
    """What speaks against the claim as a whole."""
    gates = [f for f in decision.gates if f.name in OF_CLAIM and f.outcome not in FINE]
    blocks = [f for f in decision.findings if f.severity is Severity.BLOCK and f.outcome is Outcome.FAIL]
    planted = ["it is a calibration with planted compute, which claims nothing"] if decision.planted else []
    return planted + [_told(f) for f in (*gates, *blocks)]


def _blockers(cell: CellDecision, decision: Decision) -> list[str]:
    """Why one development cell cannot be claimed; empty when nothing stands against it."""
    if cell.regime is not Regime.POSITIVE:
        return [f"{cell.cell} is {cell.regime}"]
    other = next((c for c in decision.cells if c.split == VALIDATION and c.shape == cell.shape), None)
    if other is None:
        return [f"{cell.shape} was not measured on validation"]
    places = {cell.cell, other.cell}
    return [_told(f) for f in decision.gates if f.cell in places and f.name in PER_CELL and f.outcome not in FINE]


def _told(finding: Finding) -> str:
    place = f" ({finding.cell})" if finding.cell else ""
    return f"{finding.name}{place} {finding.outcome}: {finding.evidence}"


def _chosen(
    development: Sequence[CellDecision], blocked: dict[str, list[str]], cells: str
) -> list[CellDecision]:
    if cells == AUTO:
        free = [cell for cell in development if not blocked[cell.cell]]
        if free:
            return free
        reasons = [reason for cell in development for reason in blocked[cell.cell]] or ["no development cell"]
        raise PlanError(f"not registered: no development cell can be claimed: {'; '.join(reasons[:6])}.")
    wanted = [text.strip() for text in cells.split(",") if text.strip()]
    known = {str(cell.shape): cell for cell in development}
    for text in wanted:
        if text not in known:
            raise PlanError(f"--cells={cells} is refused: {text} is no development cell; there are {', '.join(known)}.")
        if blocked[known[text].cell]:
            raise PlanError(f"not registered: {'; '.join(blocked[known[text].cell])}.")
    if not wanted:
        raise PlanError(f"--cells={cells} is refused; allowed: {AUTO}, or shapes such as 64x1,128x1.")
    return [known[text] for text in wanted]


def _registration(
    case: Case,
    decision: Decision,
    chosen: Sequence[CellDecision],
    policy: Policy,
    holdout: BenchmarkSpec,
    code: CodeState,
    now_s: float,
) -> Registration:
    shapes = [cell.shape for cell in chosen]
    mine = [c for c in case.cells if c.shape in shapes and c.split != HOLDOUT]
    records = [record for cell in mine for record in cell.records]
    _require_same_sources(records, code)
    newest = next(c for c in reversed(mine) if c.split == DEVELOPMENT).newest.record
    plan = newest.plan
    return Registration(
        schema_version=REGISTRATION_SCHEMA_VERSION,
        experiment=case.store.experiment,
        claim=case.claim,
        label=case.label,
        executor=plan.executor,
        model=plan.model,
        cells=tuple(shapes),
        grid=_distinct(cell.shape for cell in decision.cells if cell.split == DEVELOPMENT),
        policy=policy,
        protocol=plan.protocol,
        benchmarks=tuple(dict.fromkeys(record.plan.benchmark for record in records)),
        holdout=replace(holdout, inputs=plan.benchmark.inputs),
        code=code,
        weights=newest.weights,
        data=tuple(sorted({entry for record in records for entry in record.data})),
        records=tuple(sorted(m.digest for cell in mine for m in cell.measurements)),
        frozen_at=now_s,
    )


def _distinct(shapes: Iterable[Shape]) -> tuple[Shape, ...]:
    return tuple(dict.fromkeys(shapes))


def _require_same_sources(records: Sequence[CellRecord], code: CodeState) -> None:
    """The evidence must come from the very sources that the holdout will be measured with."""
    for record in records:
        for what, was, now in (
            ("ACE", record.code.package_digest, code.package_digest),
            ("the executor", record.code.executor_digest, code.executor_digest),
        ):
            if was != now:
                raise PlanError(
                    f"not registered: {what} has changed since {record.plan.shape} {record.split} was measured "
                    f"(sources {was[:12]}, now {now[:12]}); measure development and validation again."
                )


def _require_look_left(made: Registration, evidence: Evidence) -> None:
    spent = looks_of(evidence.looks, made.idea, made.holdout.target)
    if len(spent) >= made.policy.holdout_looks:
        raise PlanError(
            f"not registered: {made.idea} has looked at {made.holdout.name} {len(spent)} time(s), and "
            f"policy.holdout_looks={made.policy.holdout_looks}; another registration could not open it."
        )
