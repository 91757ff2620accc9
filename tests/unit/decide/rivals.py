"""A measured cell with rivals beside the candidate, each with a known true gain over the baseline and known quality."""

from dataclasses import replace

import numpy as np

from ace.domain.plan import CHANCE, COMPILER, SIMPLER, UNPADDED, CellPlan, ExecutorSpec, RivalSpec
from ace.domain.quality import Quality
from ace.domain.record import CellRecord, RivalResult
from ace.domain.session import BASELINE, CANDIDATE, Session, Timings
from tests.unit.decide import builders as b

ROLES = {"truncation": SIMPLER, "random": CHANCE, "compiled": COMPILER, "unpadded": UNPADDED}

TARGETS = {
    "truncation": "ace.executors.truncation.Truncation",
    "random": "ace.executors.random_pruning.RandomPruning",
    "compiled": "ace.executors.compiled_ahead.CompiledAhead",
    "unpadded": "ace.executors.unpadded.Unpadded",
}


def with_rivals(
    made: CellRecord, gains: dict[str, float], qualities: dict[str, Quality] | None = None, failure: str | None = None
) -> CellRecord:
    """`gains`: log gain of each rival; `qualities`: its scores (none for one that is not named)."""
    rng = np.random.default_rng(7)
    qualities = qualities or {}
    specs = tuple(RivalSpec(name, ROLES[name], ExecutorSpec(TARGETS[name], ())) for name in gains)
    results = tuple(RivalResult(name, ROLES[name], qualities.get(name), failure) for name in gains)

    def timed(session: Session) -> Session:
        base = np.median(session.wall_s(BASELINE))
        more = []
        for name, gain in gains.items():
            wall = base * np.exp(-gain + rng.normal(0, 0.004) + rng.normal(0, 0.01, len(session.order)))
            more.append(Timings(name, tuple(wall.tolist()), tuple(wall.tolist())))
        first = (*session.order[0], *gains)
        order = tuple(first if r % 2 == 0 else first[::-1] for r in range(len(session.order)))
        own = next(witness for witness in session.witness if witness.arm == CANDIDATE)
        seen = tuple(replace(own, arm=name) for name in gains if ROLES[name] in (SIMPLER, CHANCE))
        return replace(session, timings=(*session.timings, *more), order=order, witness=(*session.witness, *seen))

    sessions = made.sessions if failure else tuple(timed(session) for session in made.sessions)
    return replace(made, plan=replace(made.plan, rivals=specs), sessions=sessions, rivals=results)


def fair(gain: float = 0.122, of: CellPlan | None = None, **changes: object) -> CellRecord:
    """An honest cell that beats every rival: truncation loses quality, chance loses more, the compiler gains less."""
    made = b.honest(gain, of or b.plan(), **changes)
    gains = {"truncation": gain, "random": gain, "compiled": 0.02}
    return with_rivals(
        made, gains, {"truncation": b.scored(-0.05, changed=0.12), "random": b.scored(-0.12, changed=0.2)}
    )
