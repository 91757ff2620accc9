"""Part of gate complete: do the sessions that failed favour the candidate?

A candidate whose slow sessions die selects those that are left. A failure that names an arm is counted by name. A
session that died, hung or returned rubbish names none, and the candidate may have been it: as long as that could not be
chance, nobody can say. Few such sessions cannot matter: dropping the worst .05 of normal sessions moves their mean by
.1 standard deviations, a third of the standard error of ten.
"""

import math

from ace.decide.asking import gate
from ace.decide.gather import Case, records
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.session import BASELINE, CANDIDATE, NULL

NAME = "complete"
ARMS = 3  # a failure has one chance in three to hit the candidate when it prefers no arm
FEW = 0.05  # of all sessions begun


def symmetry(case: Case, policy: Policy) -> Finding:
    """Failures that prefer the candidate select its sessions."""
    found = records(case.attempts)
    failures = [f for record in found for f in record.failures if f.session is not None]
    by_arm = [f.arm for f in failures if f.arm in (BASELINE, NULL, CANDIDATE)]  # a rival's is nobody's advantage
    hits, nameless = by_arm.count(CANDIDATE), sum(f.arm is None for f in failures)
    p = binomial_p(hits, len(by_arm), 1 / ARMS)
    worst = binomial_p(hits + nameless, len(by_arm) + nameless, 1 / ARMS)
    begun = len(failures) + sum(len(record.sessions) for record in found)
    shown = (
        f"{len(failures)} of {begun} sessions failed; {len(by_arm)} name an arm, {hits} of them the candidate (exact "
        f"p={p:.2g}; p={worst:.2g} if it was all that name none)"
    )
    threshold = f"exact p >= {policy.asymmetry_p:g} that failures prefer no arm"
    if p < policy.asymmetry_p:
        step = "mend what makes the candidate fail, then measure its cells again"
        return gate(NAME, Outcome.FAIL, shown, threshold, step)
    if worst < policy.asymmetry_p and nameless > FEW * begun:
        step = "find out what ended these sessions (memory, time limit, a crash of the candidate), and measure again"
        return gate(NAME, Outcome.NO_EVIDENCE, shown, threshold, step)
    return gate(NAME, Outcome.PASS, shown, threshold)


def binomial_p(hits: int, trials: int, chance: float) -> float:
    """Exact two-sided p of a binomial count: all outcomes no likelier than the one seen."""
    if trials == 0:
        return 1.0
    logs = [
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * math.log(chance)
        + (trials - k) * math.log1p(-chance)
        for k in range(trials + 1)
    ]
    return min(1.0, sum(math.exp(log) for log in logs if log <= logs[hits] + 1e-9))
