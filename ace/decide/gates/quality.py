"""Gate quality: are the answers as good, in the whole and in every part, and the same numbers where that is claimed?

Per examined cell. `scored` and `further` serve the validation gate too, on other documents.
"""

from collections.abc import Iterator

from ace.decide import commands
from ace.decide.asking import gate, named, passed
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate
from ace.domain.answers import QualityAnswer, SimilarityAnswer
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.session import CANDIDATE
from ace.domain.wording import points_within

NAME = "quality"
MILDER = "use a milder setting of the idea"
CONTRADICTED = (
    "find out why the same cell answered otherwise before; where the idea itself has changed since, measure it under "
    "an experiment.name of its own"
)
EQUIVALENT = {"float64": 1e-6, "float32": 1.3e-5, "float16": 1e-2, "bfloat16": 1.6e-1}
"""Largest relative error of an output that is called the same, by the strictest number type of an arm's weights: ten
times what torch.testing.assert_close allows one operation (its defaults, PyTorch documentation; 1e-7 for float64),
since an encoder is dozens of them and sums in another order differ in each. MiniLM compiled differs by 1e-6."""


def quality(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """Lower bound of the paired difference above the margin, on enough examples, and no part of them harmed."""
    for cell in dossier.examined:
        yield scored(NAME, cell, policy)
        yield from equivalent(NAME, cell)
    if not dossier.examined:
        threshold = threshold_of(policy.quality_margin, policy)
        yield gate(NAME, Outcome.NO_EVIDENCE, "no development cell was measured", threshold, "measure a cell")


def threshold_of(margin: float, policy: Policy) -> str:
    """The threshold in words."""
    return f"lower bound > -{100 * margin:g} points, n >= {policy.quality_min_examples}; no part known to lose more"


def contradiction(cell: CellEstimate) -> str:
    """What other measurements of the cell deny."""
    return "measured otherwise it is " + named(list(cell.objections))


def scored(name: str, cell: CellEstimate, policy: Policy) -> Finding:
    """The cell's own benchmark, as an answer of the gate `name`."""
    found = cell.quality
    if found is None:
        reasons = named(sorted({r.quality_reason for r in cell.cell.records if r.quality_reason}))
        return gate(
            name,
            Outcome.NO_EVIDENCE,
            f"not scored: {reasons or 'no reason recorded'}",
            threshold_of(policy.quality_margin, policy),
            "measure with a pretrained model on a split that has labels",
            cell.key,
        )
    threshold = threshold_of(found.margin, policy)
    shown = (
        f"{found.metric} {points_within(found.difference, found.low, found.high)}, lower bound "
        f"{100 * found.lcb:+.1f}, n={found.n}{_parts(found)}"
    )
    if found.outcome is Outcome.PASS and any(text.startswith("quality") for text in cell.objections):
        seen = f"{shown}; {contradiction(cell)}"
        return gate(name, Outcome.NO_EVIDENCE, seen, threshold, CONTRADICTED, cell.key)
    if found.outcome is Outcome.PASS:
        return gate(name, Outcome.PASS, shown, threshold, cell=cell.key)
    if found.outcome is Outcome.FAIL:
        return gate(name, Outcome.FAIL, shown, threshold, MILDER, cell.key)
    again = commands.measure_again([cell.cell])
    return gate(
        name,
        Outcome.NO_EVIDENCE,
        f"{shown}: {_unsettled(found, policy)}",
        threshold,
        f"score more examples: {again} split.examples={max(policy.quality_min_examples, 2 * found.n)}",
        cell.key,
    )


def _parts(found: QualityAnswer) -> str:
    """What is seen of the parts: the one that lost most surely."""
    if found.worst is None:
        return ""
    worst = found.worst
    lost = f"{100 * worst.difference:+.1f} points, at most {100 * worst.ucb:+.1f}, n={worst.n}"
    if worst.ucb < -found.margin:
        return f"; harmed: {worst.name} ({lost}), of {found.parts} parts"
    return f"; none of {found.parts} parts is known to lose more (lowest: {worst.name}, {lost})"


def _unsettled(found: QualityAnswer, policy: Policy) -> str:
    if found.n < policy.quality_min_examples:
        return "too few examples"
    if found.lcb > -found.margin:
        return f"the baseline ({100 * found.baseline:.1f} of 100) is not known to beat chance by more than the margin"
    return "the margin lies inside the interval"


def equivalent(name: str, cell: CellEstimate) -> Iterator[Finding]:
    """A candidate that says it computes the baseline's own numbers is held to them, as an answer of the gate `name`."""
    if not any(session.declared_equivalent for session in cell.cell.sessions):
        return
    states = [state for s in cell.cell.sessions for state in s.arms if state.arm == CANDIDATE]
    types = sorted({kind for state in states for kind in state.dtypes if kind in EQUIVALENT})
    threshold = "declared to compute the same numbers: relative error within the number type's"
    numbers = cell.quality.numbers if cell.quality is not None else None
    if numbers is None or not types:
        shown = "outputs were not compared number by number"
        step = f"measure this cell once more: {commands.measure_again([cell.cell])}"
        yield gate(name, Outcome.NO_EVIDENCE, shown, threshold, step, cell.key)
        return
    allowed = min(EQUIVALENT[kind] for kind in types)
    shown = (
        f"largest relative error {numbers.relative_error:.1e}, median {numbers.ulps:g} units in the last place of "
        f"{numbers.dtype}, the same class for {100 * numbers.same_answer:.1f} % of documents"
    )
    threshold = f"{threshold} {allowed:.1e} ({named(types)})"
    same = numbers.relative_error <= allowed
    step = "" if same else "do not declare equivalent=True where numbers change; the scores then answer for quality"
    yield gate(name, passed(same), shown, threshold, step, cell.key)


def further(name: str, cell: CellEstimate) -> Iterator[Finding]:
    """The further benchmarks of a cell's split, as answers of the gate `name`."""
    for found in cell.further:
        threshold = f"{found.benchmark}: correlation not known to lose more than {found.margin:g}"
        again = f"measure this cell once more: {commands.measure_again([cell.cell])}"
        step = {Outcome.FAIL: MILDER, Outcome.NO_EVIDENCE: again}.get(found.outcome, "")
        yield gate(name, found.outcome, _correlations(found), threshold, step, cell.key)


def _correlations(found: SimilarityAnswer) -> str:
    if found.difference is None or found.lcb is None or found.ucb is None:
        return f"not scored: {found.reason}"
    return (
        f"{found.benchmark}: correlation with people {found.candidate:.3f}, baseline {found.baseline:.3f}, difference "
        f"between {found.lcb:+.3f} and {found.ucb:+.3f} by its one-sided bounds, {found.documents} documents"
    )
