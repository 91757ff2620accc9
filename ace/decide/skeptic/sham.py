"""Rule sham wins: is the idea faster even when it saves nothing?

The executor's own sham does all that the idea costs and drops nothing. If that beats the baseline, the gain has another
cause than the idea: the code around it, or the way it is called.
"""

from ace.decide.estimates import CellEstimate, compared
from ace.decide.skeptic.bounds import MEASURE, NO_SESSION, answering
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.probes import SHAM
from ace.domain.wording import percent


def sham_wins(cell: CellEstimate, policy: Policy) -> Finding:
    """The lower bound of the sham's gain against the margin."""
    answer = answering("sham wins", cell.key, f"lower bound of the sham's gain <= {100 * policy.margin:g} %")
    sessions = cell.cell.sessions
    if not sessions:
        return answer(Outcome.NO_EVIDENCE, NO_SESSION, MEASURE)
    if not any(s.probes.has_sham for s in sessions):
        return answer(Outcome.NOT_APPLICABLE, "the executor has no sham")
    missing = [why for s in sessions if s.probes.has_sham and (why := s.probes.why_not(SHAM))]
    if missing:
        shown = f"the sham was not timed in {len(missing)} of {len(sessions)} sessions: {missing[0]}"
        return answer(
            Outcome.NO_EVIDENCE, shown, "mend the executor's sham(model, example) and measure this cell again"
        )
    found = compared(cell.cell.records, SHAM, policy.margin, 1 - 2 * cell.alpha)
    if found.low is None or found.gain is None:
        why = ", ".join(found.reasons) or "too few sessions"
        return answer(Outcome.NO_EVIDENCE, f"no interval of the sham's gain: {why}", "measure more sessions")
    shown = f"the sham gains {percent(found.gain)}, at least {percent(found.low)}"
    if found.low > policy.same_within:
        step = "find out what makes the sham faster than the baseline, and give the baseline the same"
        return answer(Outcome.FAIL, f"{shown}: not all of the gain is the idea's", step)
    return answer(Outcome.PASS, shown)
