"""How much each arm was tuned: settings tried and attempts made, so that nobody compares a searched candidate with a
rival that was tried once and does not know it.

Part of `judge`. Looks at the whole store: other settings of the same idea are other claims of the same experiment.
"""

from ace.decide.gather import Case
from ace.domain.decision import ArmTuning
from ace.domain.plan import CellPlan
from ace.domain.session import BASELINE, CANDIDATE


def is_kin(plan: CellPlan, other: CellPlan) -> bool:
    """Whether two plans try one idea on one model, whatever the setting."""
    return (plan.executor.target, plan.model.name) == (other.executor.target, other.model.name)


def tuning_of(case: Case) -> tuple[ArmTuning, ...]:
    """The candidate, the baseline and every rival, over all attempts at this idea on this model."""
    own = [attempt.plan for attempt in case.attempts if attempt.plan is not None]
    if not own:
        return ()
    every = [*(cell.plan for cell in case.store.cells if cell.plan is not None), *case.store.tried]
    plans = sorted((plan for plan in every if is_kin(plan, own[-1])), key=lambda plan: plan.digest)
    tried: dict[str, list[object]] = {CANDIDATE: [plan.executor for plan in plans], BASELINE: [p.model for p in plans]}
    for plan in plans:
        for rival in plan.rivals:
            tried.setdefault(rival.name, []).append(rival.executor)
    return tuple(ArmTuning(arm, len(dict.fromkeys(map(repr, specs))), len(specs)) for arm, specs in tried.items())
