"""Gate fairness: is the idea needed for this gain, or would something simpler have done?

Per claimed cell, from rivals timed in the same sessions. A simpler rival that passes this claim's own gain and quality
gates while being as fast makes the idea unnecessary; the compiled baseline must be slower than the candidate, and on
natural inputs so must the baseline that is spared their padding; at equal counts the candidate's quality must beat
chance.
"""

from collections.abc import Iterator
from dataclasses import replace

from ace.decide import commands
from ace.decide.asking import gate, named
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate, arm_seconds
from ace.decide.quality import difference
from ace.domain.decision import percent, points_within
from ace.domain.estimate import Comparison
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import CHANCE, COMPILER, EXACT, ROLES, SIMPLER, UNPADDED
from ace.domain.policy import Policy
from ace.domain.record import BASELINE, CANDIDATE, Quality, RivalResult
from ace.stats import compare

NAME = "fairness"
MEANING = {
    SIMPLER: "no simpler way passes the same gates while being as fast",
    CHANCE: "at equal counts, better than chance in quality",
    COMPILER: "faster than the compiled baseline",
    UNPADDED: "faster than the baseline without padding",
}


def fairness(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """Every mandatory rival of each examined cell."""
    if dossier.case.planted is not None:
        yield gate(NAME, Outcome.NOT_APPLICABLE, "planted compute claims nothing", named(list(MEANING.values())))
        return
    for cell in dossier.examined:
        for role in ROLES:
            yield from _role(cell, role, policy)
    if not dossier.examined:
        seen = "no development cell was measured"
        yield gate(NAME, Outcome.NO_EVIDENCE, seen, named(list(MEANING.values())), "measure a cell")


def _role(cell: CellEstimate, role: str, policy: Policy) -> Iterator[Finding]:
    found = _rivals(cell, role)
    if not found and (reason := _needless(cell, role)):
        yield gate(NAME, Outcome.NOT_APPLICABLE, reason, MEANING[role], cell=cell.key)
        return
    if not found:
        yield gate(NAME, Outcome.NO_EVIDENCE, f"no rival of the role {role} was measured", MEANING[role],
                   _how_to_measure(cell, role), cell.key)  # fmt: skip
    for rival, scores in found:
        yield _judged(cell, rival, scores, policy)


def _needless(cell: CellEstimate, role: str) -> str | None:
    """Why a cell needs no rival of this role."""
    if role == UNPADDED and cell.cell.newest.record.plan.benchmark.inputs == EXACT:
        return "inputs of exact length have no padding"
    reducing = any(s.declared_tokens_per_layer is not None for s in cell.cell.sessions)
    if role in (SIMPLER, CHANCE) and not reducing:
        return "no reduction of tokens is declared, so no simpler reduction rivals it"
    return None


def _rivals(cell: CellEstimate, role: str) -> list[tuple[RivalResult, Quality | None]]:
    """One result for each rival of a role, the newest that could run, with the candidate's scores on its documents."""
    found = [(r, record.quality) for record in cell.cell.records for r in record.rivals if r.role == role]
    results = {rival.name: (rival, quality) for rival, quality in found if rival.failure}
    results |= {rival.name: (rival, quality) for rival, quality in found if not rival.failure}
    return list(results.values())


PACKAGED = {
    COMPILER: ("compiled", "ace.executors.compiler_fusion.CompilerFusion"),
    UNPADDED: ("unpadded", "ace.executors.unpadded.Unpadded"),
}


def _how_to_measure(cell: CellEstimate, role: str) -> str:
    example, target = PACKAGED.get(role, (f"my_{role}", "package.Class"))
    added = f"+executor.rivals.{example}.role={role} +executor.rivals.{example}._target_={target}"
    return f"{commands.measure_again([cell.cell])} {added}"


REMEDY = {
    COMPILER: "compile the candidate too and compare that",
    UNPADDED: "spare the baseline its padding: nothing more is needed for this gain",
}


def _judged(cell: CellEstimate, rival: RivalResult, scores: Quality | None, policy: Policy) -> Finding:
    again = f"measure this cell once more: {commands.measure_again([cell.cell])}"

    def answer(outcome: Outcome, shown: str, step: str = again) -> Finding:
        step = "" if outcome is Outcome.PASS else step
        return gate(NAME, outcome, f"{rival.name}: {shown}", MEANING[rival.role], step, cell.key)

    if rival.failure is not None:
        return answer(
            Outcome.NO_EVIDENCE, f"could not be run: {rival.failure}", "mend what keeps the rival from running"
        )
    if rival.role == CHANCE:
        return answer(*_better_than(rival, scores, cell, policy))
    ahead = _faster(cell, rival.name, CANDIDATE, policy)
    if ahead.low is None or ahead.high is None:
        return answer(Outcome.NO_EVIDENCE, f"not timed beside the candidate ({named(list(ahead.reasons))})")
    shown = f"the candidate gains between {percent(ahead.low)} and {percent(ahead.high)} on it"
    if rival.role in (COMPILER, UNPADDED):
        if ahead.low > 0:
            return answer(Outcome.PASS, shown)
        if ahead.high <= policy.same_within:
            return answer(Outcome.FAIL, shown, REMEDY[rival.role])
        return answer(Outcome.NO_EVIDENCE, shown)
    if ahead.low > policy.same_within:
        return answer(Outcome.PASS, shown)
    if short := _falls_short(cell, rival, policy):
        return answer(Outcome.PASS, f"{shown}, but {short}")
    shown += ", and it passes this claim's own gain and quality gates"
    if ahead.high <= policy.same_within:
        return answer(Outcome.FAIL, shown, f"use {rival.name}: nothing more is needed for this gain")
    return answer(Outcome.NO_EVIDENCE, shown)


def _better_than(rival: RivalResult, scores: Quality | None, cell: CellEstimate, policy: Policy) -> tuple[Outcome, str]:
    """The candidate's scores against those of chance, example by example."""
    if scores is None or rival.quality is None or len(scores.candidate) != len(rival.quality.candidate):
        return Outcome.NO_EVIDENCE, "its quality or the candidate's was not scored"
    found = difference(replace(scores, baseline=rival.quality.candidate), cell.alpha, policy)
    shown = f"the candidate scores {points_within(found.difference, found.low, found.high)} against it"
    if found.lcb > 0:
        return Outcome.PASS, shown
    return (Outcome.FAIL if 2 * found.difference - found.lcb < 0 else Outcome.NO_EVIDENCE), shown


def _falls_short(cell: CellEstimate, rival: RivalResult, policy: Policy) -> str | None:
    """Which of the claim's own gates a rival does not pass; None when it passes both."""
    own = _faster(cell, BASELINE, rival.name, policy)
    if own.low is None or own.low <= policy.gain_floor:
        return "its own gain is not above the smallest worth having"
    if rival.quality is None:
        return "its quality was not scored"
    found = difference(rival.quality, cell.alpha, policy)
    if found.outcome is not Outcome.PASS:
        return f"its quality does not pass ({points_within(found.difference, found.low, found.high)})"
    return None


def _faster(cell: CellEstimate, slow: str, fast: str, policy: Policy) -> Comparison:
    """How much faster one arm is than another, by one-sided bounds."""
    pair = arm_seconds(cell.cell.sessions, slow, fast)
    return compare(*pair, margin=policy.margin, confidence=1 - 2 * cell.alpha)
