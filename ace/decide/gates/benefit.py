"""Gates gain and validation: is it faster by enough, and on other documents too?

Each answers by a bound on the right side, per claimed cell; all claimed cells must pass.
"""

from collections.abc import Iterator

from ace.decide import commands
from ace.decide.asking import gate, named
from ace.decide.cells import Cell
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate
from ace.decide.gates.quality import CONTRADICTED, contradiction, equivalent, further, scored, threshold_of
from ace.decide.launching import LAUNCH
from ace.decide.regimes import answerable, enough_sessions, gain_ruled_out, without_gain
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import DEVELOPMENT, SPLITS, VALIDATION
from ace.domain.policy import Policy
from ace.domain.verdict import Regime
from ace.domain.wording import percent

GAIN, VALIDATED = "gain", "validation"


def gain(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """Lower bound above the smallest gain worth having, in every claimed cell."""
    threshold = f"lower bound > {percent(policy.gain_floor)} (one-sided {100 * policy.alpha:g} %)"
    yield from (_gain(cell, threshold, policy) for cell in dossier.claimed)
    if not dossier.claimed:
        yield _nothing_positive(dossier, threshold, policy)


def _nothing_positive(dossier: Dossier, threshold: str, policy: Policy) -> Finding:
    """No cell to claim: because none can gain enough, or because it is not known yet."""
    cells = dossier.on(DEVELOPMENT)
    if not cells:
        return gate(
            GAIN,
            Outcome.NO_EVIDENCE,
            "no development cell was measured",
            threshold,
            f"{LAUNCH} split=development",
        )
    bounds = [c.bounds.high for c in cells if answerable(c, policy) and c.bounds.high is not None]
    undecided = [c for c in cells if not without_gain(c, dossier.regimes[c.key], policy)]
    ruled_out = sum(gain_ruled_out(c, policy) for c in cells)
    shown = f"no development cell is positive; in {ruled_out} of {len(cells)} a gain worth having is ruled out"
    if bounds:
        shown += f" (largest upper bound {percent(max(bounds))})"
    shown += "".join(f"; {c.key}: {contradiction(c)}" for c in undecided if c.objections)
    unfit = [f"{c.key}: {named(list(c.unfit))}" for c in undecided if c.unfit]
    shown += f"; nothing can be read off {named(unfit)}" if unfit else ""
    if (unmeasured := dossier.unmeasured(DEVELOPMENT)) and not undecided:
        step = commands.measure(cells[0].cell.newest.record.plan, None, DEVELOPMENT, unmeasured)
        shown += f"; not measured: {named([str(shape) for shape in unmeasured])}"
        return gate(GAIN, Outcome.NO_EVIDENCE, shown, threshold, step)
    worse = [c.key for c in cells if dossier.regimes[c.key] is Regime.COLLAPSE and not gain_ruled_out(c, policy)]
    if not undecided and worse:
        step = "use a milder setting of the idea: whatever is gained there is paid for with quality"
        return gate(GAIN, Outcome.NO_EVIDENCE, f"{shown}; collapsed: {named(worse)}", threshold, step)
    if not undecided:
        return gate(GAIN, Outcome.FAIL, shown, threshold, "nothing to claim here: try other shapes or settings")
    if all(c.objections for c in undecided):
        return gate(GAIN, Outcome.NO_EVIDENCE, shown, threshold, CONTRADICTED)
    again = commands.measure_again([c.cell for c in undecided if not c.objections])
    return gate(GAIN, Outcome.NO_EVIDENCE, shown, threshold, f"measure once more: {again}")


def _no_answer(cell: CellEstimate, policy: Policy) -> str | None:
    """Why nothing can be read off the timings of a cell, however they look."""
    if not enough_sessions(cell, policy) or cell.bounds.low is None:
        return f"{cell.own.sessions} sessions" + "".join(f"; {reason}" for reason in cell.unfit)
    if cell.unfit:
        return named(list(cell.unfit))
    return contradiction(cell) if cell.objections else None


def answer_of(cell: CellEstimate, policy: Policy) -> tuple[float | None, float | None, str]:
    """The cell's one-sided bounds, both None where its timings may not be read, with the reason."""
    if why := _no_answer(cell, policy):
        return None, None, why
    return cell.bounds.low, cell.bounds.high, "no interval"


def _way_out(cell: CellEstimate) -> str | None:
    """What to do where more of the same sessions would change nothing."""
    return CONTRADICTED if cell.objections and not cell.unfit else None


def _gain(cell: CellEstimate, threshold: str, policy: Policy) -> Finding:
    low, high = cell.bounds.low, cell.bounds.high
    if low is None or high is None or _no_answer(cell, policy):
        why = _no_answer(cell, policy) or "no interval"
        return gate(GAIN, Outcome.NO_EVIDENCE, why, threshold, _way_out(cell) or too_few(cell, policy), cell.key)
    shown = f"gain between {percent(low)} and {percent(high)} by its one-sided bounds, {cell.own.sessions} sessions"
    if low > policy.gain_floor:
        return gate(GAIN, Outcome.PASS, shown, threshold, cell=cell.key)
    outcome = Outcome.FAIL if high < policy.gain_floor else Outcome.NO_EVIDENCE
    return gate(GAIN, outcome, shown, threshold, too_few(cell, policy), cell.key)


def validation(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """The claimed cells again, on documents that the idea was not tuned on."""
    threshold = f"lower bound > 0 on other documents, and quality: {threshold_of(policy.quality_margin, policy)}"
    if not dossier.claimed:
        yield gate(
            VALIDATED,
            Outcome.NO_EVIDENCE,
            "no cell is claimed, so there is none to validate",
            threshold,
            "settle the gain gate first",
        )
    pairs = [(claimed, dossier.at(VALIDATION, claimed.cell.shape)) for claimed in dossier.claimed]
    missing = [claimed.cell for claimed, cell in pairs if cell is None]
    if missing:
        shown = f"not measured on validation: {named([str(cell.shape) for cell in missing])}"
        newest = missing[0].newest
        step = commands.measure(newest.record.plan, newest.job, VALIDATION, [cell.shape for cell in missing])
        yield gate(VALIDATED, Outcome.NO_EVIDENCE, shown, threshold, step)
    for ours, cell in pairs:
        if cell is not None:
            yield _validated(dossier, ours, cell, threshold, policy)
            yield from further(VALIDATED, cell)
            yield from equivalent(VALIDATED, cell)


def same_documents(one: Cell, other: Cell) -> str | None:
    """How two cells that should differ in their documents are known to share them; None where they do not."""
    asked = [{(m.record.plan.benchmark.target, m.record.plan.benchmark.name) for m in c.all} for c in (one, other)]
    given = [{document for m in c.all for document in m.record.documents} for c in (one, other)]
    if both := asked[0] & asked[1]:
        return f"asked for the same documents: {named(sorted(name for _, name in both))}"
    if alike := given[0] & given[1]:
        return f"share {len(alike)} documents, such as {min(alike)}"
    return None


def shared_with_earlier(dossier: Dossier, claimed: CellEstimate, cell: CellEstimate) -> str | None:
    """How a sealed or a validation cell is known to share documents with the cells before it; None where not."""
    splits = SPLITS[: SPLITS.index(cell.cell.split)]
    before = [claimed, *(found for split in splits[1:] if (found := dossier.at(split, claimed.cell.shape)) is not None)]
    for other in before:
        if shared := same_documents(other.cell, cell.cell):
            return f"{other.cell.split} and {cell.cell.split} {shared}"
    return None


def _validated(dossier: Dossier, claimed: CellEstimate, cell: CellEstimate, threshold: str, policy: Policy) -> Finding:
    answer = scored(VALIDATED, cell, policy)
    low, high = cell.bounds.low, cell.bounds.high
    if answer.outcome is Outcome.FAIL:
        return answer
    if shared := shared_with_earlier(dossier, claimed, cell):
        step = "measure validation on documents that development does not have"
        return gate(VALIDATED, Outcome.NO_EVIDENCE, shared, threshold, step, cell.key)
    if low is None or high is None or _no_answer(cell, policy):
        why = _no_answer(cell, policy) or "no interval"
        return gate(VALIDATED, Outcome.NO_EVIDENCE, why, threshold, too_few(cell, policy), cell.key)
    shown = f"gain between {percent(low)} and {percent(high)} by its one-sided bounds; {answer.evidence}"
    if doubts := dossier.downgrades(cell.key):
        return gate(
            VALIDATED,
            Outcome.NO_EVIDENCE,
            f"{shown}; unresolved: {named(doubts)}",
            threshold,
            too_few(cell, policy),
            cell.key,
        )
    if high < 0:
        return gate(
            VALIDATED, Outcome.FAIL, shown, threshold, "the gain does not carry over; claim another cell", cell.key
        )
    if low > 0 and answer.outcome is Outcome.PASS:
        return gate(VALIDATED, Outcome.PASS, shown, threshold, cell=cell.key)
    return gate(VALIDATED, Outcome.NO_EVIDENCE, shown, threshold, answer.next_step or too_few(cell, policy), cell.key)


def too_few(cell: CellEstimate, policy: Policy) -> str:
    """The command that measures a cell once more, with how many sessions would settle it where that is known."""
    needed = cell.bounds.sessions_needed or policy.min_sessions
    again = commands.measure_again([cell.cell])
    return f"measure once more (about {max(needed, policy.min_sessions)} sessions in all would settle it): {again}"
