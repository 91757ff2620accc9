"""What may be registered: the cells of a claim that development and validation leave without a doubt.

Asked by `ace-freeze`. Pure: evidence, policy and the state of the code in, a Registration out. A claim that a gate or a
rule already denies is not worth its one look at the sealed documents, so it is refused here with the gate's own words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ace.decide import commands
from ace.decide.dossier import downgrades
from ace.decide.gather import Case, gather
from ace.decide.judge import judge
from ace.decide.power_scopes import POWER_SCOPES
from ace.decide.scopes import memory_blockers, power_blockers, validated
from ace.decide.verdict import must_look
from ace.domain.decision import CellDecision, Decision
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.plan import DEVELOPMENT, ECD, ENERGY, HOLDOUT, MEMORY, SPEED, BenchmarkSpec, Shape
from ace.domain.policy import Policy
from ace.domain.record import CellRecord, CodeState
from ace.domain.registration import REGISTRATION_SCHEMA_VERSION, Registration, looks_of
from ace.domain.stored import Evidence
from ace.domain.verdict import Regime
from ace.domain.wording import percent_within
from ace.errors import PlanError

AUTO = "auto"
PER_CELL = ("instrument", "gain", "quality", "guardrails", "fairness", "validation", "overhead")
OF_CLAIM = ("integrity", "complete", "parity", "provenance", "complexity", "coverage")
FINE = (Outcome.PASS, Outcome.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class Sealed:
    """The holdout that is to be opened: its file in the group split, and how many documents it has for each shape."""

    benchmark: BenchmarkSpec
    file: str
    documents: Mapping[Shape, int]


@dataclass(frozen=True, slots=True)
class Frozen:
    """A registration, whether it was there before, and the cells that it leaves out, each with the reason: positive
    ones, and those of a scope that was to be claimed."""

    registration: Registration
    existing: bool
    left_out: tuple[tuple[str, str], ...]


def chosen_claim(evidence: Evidence, claim: str | None) -> Case:
    """The newest claim, or the one whose digest begins with `claim`.  Raises PlanError listing those there are."""
    cases = [case for case in gather(replace(evidence, registrations=())) if case.cells]
    found = [case for case in cases if claim is None or case.claim.startswith(claim)]
    if not found or (claim is not None and len(found) > 1):
        listed = "; ".join(f"{case.claim[:12]} {case.label}" for case in cases)
        raise PlanError(f"--claim={claim} is refused; allowed: the first digits of one of {listed or 'no claim'}.")
    return found[0]


def freeze(
    evidence: Evidence,
    policy: Policy,
    cells: str,
    holdout: Sealed,
    code: CodeState,
    now_s: float,
    claim: str | None = None,
) -> Frozen:
    """Register a claim of `evidence`, the newest unless `claim` names one. `cells`: auto, or shapes as in 64x1,128x1.

    `code`: as it is now. Raises PlanError saying what keeps the claim from being registered.
    """
    open_evidence = replace(evidence, registrations=())  # judged as if nothing had been chosen yet
    case = chosen_claim(evidence, claim)
    decision = next(made for made in judge(open_evidence, policy) if made.claim == case.claim)
    if wide := _of_the_claim(decision):
        raise PlanError(f"not registered: {'; '.join(wide)}.")
    development = [cell for cell in decision.cells if cell.split == DEVELOPMENT]
    if not development:
        raise PlanError(f"not registered: {_nothing_to_choose_from(case, evidence)}.")
    short = {cell.cell: _too_few(cell, holdout, policy) for cell in development}
    against: Blockers = {
        SPEED: {cell.cell: _blockers(cell, decision) or short[cell.cell] for cell in development},
        MEMORY: {c.cell: memory_blockers(c, decision, case, policy) or short[c.cell] for c in development},
    }
    for scope in POWER_SCOPES:
        blockers = {c.cell: power_blockers(scope, c, decision, case, policy) or short[c.cell] for c in development}
        against[scope.name] = blockers
    made = _registration(case, decision, _chosen(development, against, cells), policy, holdout, code, now_s)
    left = [cell for cell in development if cell.regime is Regime.POSITIVE and cell.shape not in made.cells]
    left_out = [(cell.cell, "; ".join(against[SPEED][cell.cell]) or "not in --cells") for cell in left]
    for scope in POWER_SCOPES:
        if scope.is_claimed(case.cells):
            out = [cell for cell in development if cell.shape not in made.claimed_by(scope.name)]
            left_out += [
                (f"{scope.name} {c.cell}", "; ".join(against[scope.name][c.cell]) or "not in --cells") for c in out
            ]
    for stored in evidence.registrations:
        if stored.registration is not None and stored.registration.says_the_same_as(made):
            return Frozen(stored.registration, True, tuple(left_out))
    _require_look_left(made, evidence)
    return Frozen(made, False, tuple(left_out))


def _too_few(cell: CellDecision, holdout: Sealed, policy: Policy) -> list[str]:
    """Whether the sealed corpus could settle the quality of a cell at all."""
    there = min(holdout.documents.get(cell.shape, 0), holdout.benchmark.examples)
    if there >= policy.quality_min_examples:
        return []
    name = holdout.benchmark.name
    return [f"{cell.cell}: {name} has {there} documents for {cell.shape}, and {policy.quality_min_examples} are needed"]


def _nothing_to_choose_from(case: Case, evidence: Evidence) -> str:
    """A claim without a development cell, and those that have one: an edited executor is another claim."""
    newest = case.cells[-1].newest
    shapes = list(dict.fromkeys(cell.shape for cell in case.cells))
    step = commands.measure(newest.record.plan, newest.job, DEVELOPMENT, shapes, newest.record.plan.seed)
    others = [
        f"{other.claim[:12]} {other.label}"
        for other in gather(replace(evidence, registrations=()))
        if any(cell.split == DEVELOPMENT for cell in other.cells)
    ]
    known = f"; development was measured of {', '.join(others)}, with other sources or weights" if others else ""
    return f"the newest claim, {case.claim[:12]} {case.label}, has no development cell{known}; measure it: {step}"


def _of_the_claim(decision: Decision) -> list[str]:
    """What speaks against the claim as a whole."""
    gates = [f for f in decision.gates if f.name in OF_CLAIM and f.outcome not in FINE]
    blocks = [f for f in decision.findings if f.severity is Severity.BLOCK and f.outcome is Outcome.FAIL]
    planted = ["it is a calibration with planted compute, which claims nothing"] if decision.planted else []
    return planted + [_told(f) for f in (*gates, *blocks)]


def _blockers(cell: CellDecision, decision: Decision) -> list[str]:
    """Why one development cell cannot be claimed to be faster; empty when nothing stands against it."""
    if cell.regime is not Regime.POSITIVE:
        return [f"{cell.cell} is {cell.regime}{_doubts(cell, decision)}"]
    other = validated(cell, decision)
    if other is None:
        return [f"{cell.shape} was not measured on validation"]
    places = {cell.cell, other.cell}
    gates = [f for f in decision.gates if f.cell in places and f.name in PER_CELL and f.outcome not in FINE]
    blind = [f for f in decision.findings if f.cell in places and must_look(f) and f.outcome is Outcome.NO_EVIDENCE]
    return [_told(f) for f in (*gates, *blind)]


def _doubts(cell: CellDecision, decision: Decision) -> str:
    """What leaves a cell unresolved: what the map shows, and what rules and gates say of it and of the way on."""
    doubts = [_told(f) for f in decision.findings if f.cell == cell.cell and downgrades(f)]
    open_gates = [_told(f) for f in decision.gates if f.cell == cell.cell and f.outcome is Outcome.NO_EVIDENCE]
    seen = [percent_within(cell.gain, cell.low, cell.high), *cell.reasons, *doubts, *open_gates]
    return f" ({'; '.join(dict.fromkeys(seen))})"


def _told(finding: Finding) -> str:
    place = f" ({finding.cell})" if finding.cell else ""
    step = f" -> {finding.next_step}" if finding.next_step else ""
    return f"{finding.name}{place} {finding.outcome}: {finding.evidence}{step}"


Blockers = dict[str, dict[str, list[str]]]
"""By scope and cell: what stands against claiming it."""
Chosen = dict[str, tuple[Shape, ...]]
"""By scope: the shapes that are claimed."""


def _chosen(development: Sequence[CellDecision], against: Blockers, cells: str) -> Chosen:
    wanted = list(development) if cells == AUTO else _listed(development, cells)
    made = {
        scope: tuple(cell.shape for cell in wanted if not blockers[cell.cell]) for scope, blockers in against.items()
    }
    none = [cell for cell in wanted if all(blockers[cell.cell] for blockers in against.values())]
    if cells != AUTO and none:
        raise PlanError(f"not registered: {'; '.join(against[SPEED][none[0].cell])}.")
    if not any(made.values()):
        reasons = [reason for cell in development for reason in against[SPEED][cell.cell]]
        raise PlanError(f"not registered: no development cell can be claimed: {'; '.join(reasons[:6])}.")
    return made


def _listed(development: Sequence[CellDecision], cells: str) -> list[CellDecision]:
    wanted = [text.strip() for text in cells.split(",") if text.strip()]
    known = {str(cell.shape): cell for cell in development}
    for text in wanted:
        if text not in known:
            raise PlanError(f"--cells={cells} is refused: {text} is no development cell; there are {', '.join(known)}.")
    if not wanted:
        raise PlanError(f"--cells={cells} is refused; allowed: {AUTO}, or shapes such as 64x1,128x1.")
    return [known[text] for text in wanted]


def _registration(
    case: Case,
    decision: Decision,
    chosen: Chosen,
    policy: Policy,
    holdout: Sealed,
    code: CodeState,
    now_s: float,
) -> Registration:
    shapes = [shape for some in chosen.values() for shape in some]
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
        cells=chosen[SPEED],
        memory_cells=chosen[MEMORY],
        energy_cells=chosen[ENERGY],
        ecd_cells=chosen[ECD],
        grid=_distinct(cell.shape for cell in decision.cells if cell.split == DEVELOPMENT),
        policy=policy,
        protocol=plan.protocol,
        benchmarks=tuple(dict.fromkeys(record.plan.benchmark for record in records)),
        holdout=replace(holdout.benchmark, inputs=plan.benchmark.inputs),
        holdout_file=holdout.file,
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
    spent = looks_of(evidence.all_looks, made.idea, made.holdout.target)
    if len(spent) >= made.policy.holdout_looks:
        raise PlanError(
            f"not registered: {made.idea} has looked at {made.holdout.name} {len(spent)} time(s), and "
            f"policy.holdout_looks={made.policy.holdout_looks}; another registration could not open it."
        )
