"""Gate fairness: is the idea needed for this gain, or would something simpler have done?

Per claimed cell, from rivals timed in the same sessions. A simpler rival that passes this claim's own gain and quality
gates while being as fast makes the idea unnecessary; the compiled baseline must be slower than the candidate, and on
natural inputs so must the baseline that is spared their padding; at equal counts the candidate's quality must beat
chance.
"""

from collections.abc import Iterator

from ace.decide import commands
from ace.decide.asking import gate, named
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate
from ace.domain.answers import QualityAnswer, RivalAnswer
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import CHANCE, COMPILER, EXACT, ROLES, SIMPLER, UNCHANGED, UNPADDED
from ace.domain.policy import Policy
from ace.domain.session import BASELINE, CANDIDATE, Session
from ace.domain.wording import percent, points_within
from ace.domain.workload import COMPILED

NAME = "fairness"
SAME_WORK = 0.98  # of the baseline's products over all tokens: whoever does fewer may have spared tokens
SPARES_LESS, SPARES_MORE = 0.5, 1.0
"""Of the candidate's own gain, as logs: a reduction that stays behind by more than half of it, or is ahead by more than
all of it, is not the reduction that the candidate makes, and answers nothing."""
SAME_COUNTS = 0.1  # of the candidate's tokens: what chance may keep more or fewer, since some ideas keep varying counts
ACES_OWN = {
    COMPILER: ("ace.executors.compiled_ahead.CompiledAhead", "ace.executors.compiler_fusion.CompilerFusion"),
    UNPADDED: ("ace.executors.unpadded.Unpadded", "ace.executors.length_bucketed.LengthBucketed"),
}
"""What a baseline that is compiled, or spared its padding, is made by: nobody's own weaker version stands for it."""
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
    found = [rival for rival in cell.rivals if rival.role == role]
    if not found and (reason := _needless(cell, role)):
        yield gate(NAME, Outcome.NOT_APPLICABLE, reason, MEANING[role], cell=cell.key)
        return
    if not found:
        yield gate(NAME, Outcome.NO_EVIDENCE, f"no rival of the role {role} was measured", MEANING[role],
                   _how_to_measure(cell, role), cell.key)  # fmt: skip
    for rival in found:
        yield _judged(cell, rival, policy)


def _needless(cell: CellEstimate, role: str) -> str | None:
    """Why a cell needs no rival of this role."""
    if role == UNPADDED and cell.cell.newest.record.plan.benchmark.inputs == EXACT:
        return "inputs of exact length have no padding"
    sessions = cell.cell.sessions
    compiled = [COMPILED in s.declared_changes and s.declared_equivalent for s in sessions]
    own = cell.cell.newest.record.plan.executor.target in ACES_OWN[COMPILER]
    if role == COMPILER and own and compiled and all(compiled):
        return "the candidate is the compiled baseline: no other is its rival"
    if role not in (SIMPLER, CHANCE) or not sessions:
        return None
    if all(session.declared_equivalent for session in sessions):
        return "the baseline's own numbers are computed, so no reduction of tokens rivals it"
    if not any(s.declared_tokens_per_layer is not None for s in sessions) and all(map(_all_work_seen, sessions)):
        return "every layer was seen to be given all tokens, so no simpler reduction of them rivals it"
    return None


def _all_work_seen(session: Session) -> bool:
    """Whether as much of the candidate's linear work was seen to go over all tokens as of the baseline's, and where its
    layers are known by name, each was given all of them. What was not seen is no proof that nothing is left out."""
    base, own = session.seen(BASELINE), session.seen(CANDIDATE)
    if base is None or own is None or base.full_token_share is None or own.full_token_share is None:
        return False
    tokens = own.tokens_per_layer
    if tokens is not None and base.tokens_per_layer is not None:
        if len(tokens) != len(base.tokens_per_layer):
            return False
        if any(given < all_of for given, all_of in zip(tokens, base.tokens_per_layer, strict=True)):
            return False
    return own.full_token_share >= SAME_WORK * base.full_token_share


EXAMPLES = {
    COMPILER: ("compiled", ACES_OWN[COMPILER][0], ""),
    UNPADDED: ("unpadded", ACES_OWN[UNPADDED][0], ""),
    SIMPLER: ("truncation", "ace.executors.truncation.Truncation", "keep_ratio=0.7"),
    CHANCE: ("random", "ace.executors.random_pruning.RandomPruning", "keep_ratio=0.7"),
}


def _how_to_measure(cell: CellEstimate, role: str) -> str:
    name, target, parameter = EXAMPLES[role]
    place = f"++executor.rivals.{name}"
    added = [f"{place}.role={role}", f"{place}._target_={target}", *([f"{place}.{parameter}"] if parameter else [])]
    told = " (at the ratio that costs what the candidate does)" if parameter else ""
    again = commands.measure_again([cell.cell])
    for without in (" executor.rivals=null", " inputs.rivals=null"):  # a rival cannot be added to none
        again = again.replace(without, "")
    return f"{again} {' '.join(added)}{told}"


REMEDY = {
    COMPILER: "compile the candidate too and compare that",
    UNPADDED: "spare the baseline its padding: nothing more is needed for this gain",
}


def _judged(cell: CellEstimate, rival: RivalAnswer, policy: Policy) -> Finding:
    again = f"measure this cell once more: {commands.measure_again([cell.cell])}"

    def answer(outcome: Outcome, shown: str, step: str = again) -> Finding:
        step = "" if outcome is Outcome.PASS else step
        return gate(NAME, outcome, f"{rival.name}: {shown}", MEANING[rival.role], step, cell.key)

    if rival.failure is not None:
        return answer(
            Outcome.NO_EVIDENCE, f"could not be run: {rival.failure}", "mend what keeps the rival from running"
        )
    if rival.target not in ACES_OWN.get(rival.role, (rival.target,)):
        step = f"name one of ACE's own for this role: {', '.join(ACES_OWN[rival.role])}"
        return answer(Outcome.NO_EVIDENCE, f"{rival.target} does not stand for this role", step)
    if rival.role == CHANCE:
        return answer(*_better_than_chance(rival))
    low, high = rival.ahead_low, rival.ahead_high
    if low is None or high is None:
        return answer(Outcome.NO_EVIDENCE, f"not timed beside the candidate ({named(list(rival.reasons))})")
    shown = f"the candidate gains between {percent(low)} and {percent(high)} on it"
    if rival.role in UNCHANGED:
        if low > 0:
            return answer(Outcome.PASS, shown)
        if high <= policy.same_within:
            return answer(Outcome.FAIL, shown, REMEDY[rival.role])
        return answer(Outcome.NO_EVIDENCE, shown)
    gain = max(cell.own.gain or 0.0, policy.gain_floor)
    if low > SPARES_LESS * gain:
        step = "set its parameters so that it costs what the candidate does"
        return answer(Outcome.NO_EVIDENCE, f"{shown}: it does not spare what the candidate spares", step)
    if low > policy.same_within:
        return answer(Outcome.PASS, shown)
    if short := _falls_short(rival, policy):
        if high < -SPARES_MORE * gain:
            step = "set its parameters so that it costs what the candidate does, no less"
            return answer(Outcome.NO_EVIDENCE, f"{shown}: it spares more, which may be why {short}", step)
        return answer(Outcome.PASS, f"{shown}, but {short}")
    if rival.quality is not None and rival.quality.outcome is not Outcome.PASS:
        seen = f"{shown}; {_scores(rival.quality)}: it may be as good"
        more = f" split.examples={2 * rival.quality.n}"
        return answer(Outcome.NO_EVIDENCE, seen, f"score more examples: {commands.measure_again([cell.cell])}{more}")
    shown += ", and it passes this claim's own gain and quality gates"
    if high <= policy.same_within:
        return answer(Outcome.FAIL, shown, f"use {rival.name}: nothing more is needed for this gain")
    return answer(Outcome.NO_EVIDENCE, shown)


def _better_than_chance(rival: RivalAnswer) -> tuple[Outcome, str]:
    """The candidate's scores against those of chance at as many tokens, example by example."""
    if rival.token_share is None:
        return Outcome.NO_EVIDENCE, "how many tokens it keeps was not seen"
    if abs(rival.token_share - 1) > SAME_COUNTS:
        return Outcome.NO_EVIDENCE, f"it keeps {rival.token_share:.2f} times as many tokens as the candidate"
    found = rival.against
    if found is None:
        return Outcome.NO_EVIDENCE, "its quality or the candidate's was not scored"
    shown = f"the candidate scores {points_within(found.difference, found.low, found.high)} against it"
    if found.lcb > 0:
        return Outcome.PASS, shown
    return (Outcome.FAIL if 2 * found.difference - found.lcb < 0 else Outcome.NO_EVIDENCE), shown


def _falls_short(rival: RivalAnswer, policy: Policy) -> str | None:
    """Which of the claim's own gates a rival does not pass; None when it passes both, or may.

    Quality that is merely not settled is no shortcoming, unless the candidate's is known to be better.
    """
    if rival.low is None or rival.low <= policy.gain_floor:
        return "its own gain is not known to be above the smallest worth having"
    if rival.quality is None:
        return "its quality was not scored"
    if rival.quality.outcome is Outcome.FAIL:
        return f"its quality fails ({_scores(rival.quality)})"
    found = rival.against
    if rival.quality.outcome is not Outcome.PASS and found is not None and found.lcb > 0:
        ahead = points_within(found.difference, found.low, found.high)
        return f"its quality does not pass ({_scores(rival.quality)}) and the candidate's is better by {ahead}"
    return None


def _scores(found: QualityAnswer) -> str:
    return points_within(found.difference, found.low, found.high)
