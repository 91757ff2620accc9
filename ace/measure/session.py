"""One session, in its own fresh process: the story from loading to a Session record.

Called by `worker`; calls `arms`, `bench`, `probing`, `witness`. While an arm is timed nothing else happens in this
process, and the parent sleeps: it wakes for the two marks around the timed rounds.
"""

import gc
import random
import resource
import time
from collections.abc import Callable, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ace.domain.canonical import digest
from ace.domain.plan import UNCHANGED, CellPlan
from ace.domain.probes import NO_TOKEN_FELT, PERTURBED, SHAM, UNTOUCHED, Clock, Company, Probes
from ace.domain.session import BASELINE, CANDIDATE, NULL, ArmState, Environment, Session, Witness, is_board
from ace.domain.workload import Batch, Executor
from ace.measure import board, timing
from ace.measure.arms import Arms, arm_state, declared, prepare, require_unchanged
from ace.measure.bench import Bench, Run
from ace.measure.company import Seen, children_s, look_around
from ace.measure.device import place_of
from ace.measure.energy import session_energy
from ace.measure.environment import fingerprint
from ace.measure.failing import foreign_code
from ace.measure.inputs import Inputs
from ace.measure.messages import WorkOrder
from ace.measure.order import mirrored_blocks
from ace.measure.probing import (
    PAIR,
    SHARE,
    STEADY_CALLS,
    Acquaintance,
    Prober,
    meets_baseline_first,
    typical_s,
)
from ace.measure.seal import MEASURING, Seal, replaced, state_changed
from ace.measure.sham import has_sham, with_sham
from ace.measure.witness import witness

KEPT_ROUNDS = 2  # timed rounds whose outputs are kept and looked at again
UNSTAMPED = "the parent's clock has not been read"


@dataclass(frozen=True, slots=True, eq=False)
class Beforehand:
    """This process before the executor's code was loaded. `imported`: top-level names."""

    imported: Set[str]
    seal: Seal
    seen: Seen


def run_session(
    order: WorkOrder, executor: Executor, beforehand: Beforehand, mark: Callable[[], None]
) -> tuple[Session, Arms, dict[str, np.ndarray]]:
    """Measure one session.  Raises ArmError when an arm misbehaves; returns outputs kept from timed calls and from
    energy windows as well.

    `mark` tells the parent that the timed rounds begin or end.
    """
    plan, protocol = order.plan, order.plan.protocol
    seeds = np.random.SeedSequence([plan.seed, order.session])
    rng, dice = np.random.default_rng(seeds), random.Random(f"{plan.seed}/{order.session}")
    inputs = Inputs(Path(order.inputs), rng)
    surroundings = fingerprint(torch.get_num_threads(), torch.get_num_interop_threads())
    clocks = board.clocks_of(surroundings.device)
    example = inputs.batch(inputs.draw(plan.shape.batch))
    first = _acquaintance(order, inputs, clocks)
    meet = first.meet if first else None
    arms = prepare(plan, executor, example, inputs.calibration, beforehand.imported, meet)
    arms, no_sham = with_sham(arms, executor, example)

    bench = Bench(arms, inputs, plan.shape.batch, clocks)
    ready_s = time.time() - order.spawned_at
    gc.collect()
    gc.freeze()
    gc.disable()  # a collection inside a timed call would be charged to whichever arm it hit
    warmup = bench.run(mirrored_blocks(list(arms.modules), protocol.warmup_rounds, dice), 1, 0, "warmup")
    calls = timing.calls_per_timing(warmup.fastest_s, protocol.min_timing_s)
    rounds = mirrored_blocks(list(arms.modules), protocol.rounds, dice)
    before = look_around()
    mark()
    timed = bench.run(rounds, calls, KEPT_ROUNDS, "timing")
    mark()
    after = look_around()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB; read before untimed looks

    company = Company(
        beforehand.seen.threads, after.threads, beforehand.seen.names, after.names, children_s(before, after)
    )
    prober = Prober(arms, inputs, executor, plan.shape.batch, calls, clocks, dice, [c for c, _ in after.children])
    budget_s = SHARE * (ready_s + warmup.measuring_s + timed.measuring_s)
    made = _probes(prober, timed, budget_s, beforehand.seal, company, first, no_sham)
    gc.enable()
    checks = timed.recheck(arms, inputs)
    fresh = inputs.batch(inputs.draw(plan.shape.batch))  # not the example: the executor has seen that
    states, seen = _looked_at(arms, plan, fresh, timed, surroundings)
    promised = declared(executor, fresh)  # of the very batch that the witness saw: lengths may differ
    require_unchanged(arms.model, arms.model_digest, "check")
    if arms.planted is None:
        require_unchanged(arms.modules[BASELINE], arms.model_digest, "check")
    here = place_of(surroundings.device)
    measured = session_energy(plan, order.sources, order.session, arms, inputs, clocks.settle, place=here)
    session = Session(
        index=order.session,
        seed=plan.seed,
        started_at=order.spawned_at,
        ready_s=ready_s,
        measuring_s=timed.measuring_s,
        timed_s=timed.timed_s * calls,
        calls_per_timing=calls,
        warmup=warmup.timings(),
        timings=timed.timings(),
        order=timed.order,
        inputs=tuple(timed.inputs),
        inputs_digest=digest([list(row) for row in timed.inputs]),
        arms=states,
        witness=seen,
        declared_tokens_per_layer=promised.tokens_per_layer,
        declared_changes=promised.changes,
        declared_equivalent=promised.equivalent,
        rivals_failed=arms.rivals_failed,
        checks=tuple(checks),
        baseline_digest=arms.model_digest,
        prepare_s=arms.prepare_s,
        new_dependencies=arms.new_dependencies,
        peak_rss_bytes=peak,
        probes=made,
        environment=surroundings,
        energy=None if measured is None else measured.energy,
        energy_checks=None if measured is None else measured.recheck(arms, inputs),
    )
    return session, arms, timed.kept_arrays() | (measured.kept_arrays() if measured else {})


def _acquaintance(order: WorkOrder, inputs: Inputs, clocks: timing.Clocks) -> Acquaintance | None:
    """Calls of the baseline for before and after, in the sessions that make them."""
    plan = order.plan
    if not meets_baseline_first(order.session, plan.seed):
        return None
    return Acquaintance([inputs.batch(inputs.draw(plan.shape.batch)) for _ in range(STEADY_CALLS)], clocks)


def _probes(
    prober: Prober,
    timed: Run,
    budget_s: float,
    seal: Seal,
    company: Company,
    first: Acquaintance | None,
    no_sham: str | None,
) -> Probes:
    """What is looked at beside the timed rounds, right after them."""
    changed, functions, measuring = state_changed(seal), replaced(seal, seal.through), replaced(seal, MEASURING)
    if gc.isenabled():
        changed = (*changed, "garbage collection in the timed rounds: off -> on")
    arms = prober.arms
    absent = {SHAM: no_sham}
    untouched = None
    if first is None:
        absent[UNTOUCHED] = "one session in three clocks the baseline before the candidate is prepared"
    elif arms.planted == BASELINE:
        absent[UNTOUCHED] = "the baseline carries planted compute"
    else:
        untouched = first.meet_again(arms.modules[BASELINE])
    prober.probe(budget_s, {arm: typical_s(timed.series[arm].wall_s) for arm in PAIR})
    perturbed = prober.tally.result()
    if perturbed is None:
        absent[PERTURBED] = NO_TOKEN_FELT
    return Probes(
        clock=Clock(None, UNSTAMPED, measuring),
        visits=tuple(prober.visits),
        perturbed=perturbed,
        untouched=untouched,
        company=company,
        state_changed=changed,
        functions_changed=functions,
        has_sham=has_sham(prober.executor),
        absent=tuple((name, why) for name, why in absent.items() if why is not None),
    )


def _looked_at(
    arms: Arms, plan: CellPlan, fresh: Batch, timed: Run, surroundings: Environment
) -> tuple[tuple[ArmState, ...], tuple[Witness, ...]]:
    """The state of the arms that must be alike, and the work seen of those that do their own."""
    computed = {rival.name for rival in plan.rivals if rival.role in UNCHANGED} | {SHAM}
    states, seen = [], []
    for name, module in arms.modules.items():
        if name in computed:
            continue  # they compute what the baseline does, and following a compiled one takes seconds
        with foreign_code("check", name):
            work, kernels = witness(name, module, fresh)
        graphs = _graphs(name, module, fresh, surroundings.device)
        seen.append(work)
        if name in (BASELINE, NULL, CANDIDATE):
            threads = timed.series[name].threads
            spread = min(threads), max(threads)
            states.append(arm_state(name, module, surroundings.threads, spread, kernels, graphs))
    return tuple(states), tuple(seen)


def _graphs(arm: str, module: Callable[..., object], batch: Batch, device: str) -> int | None:
    """CUDA graphs replayed in a call of its own: following dispatch may keep a graph from being replayed."""
    if not is_board(device):
        return None
    with foreign_code("check", arm), torch.inference_mode(), board.counting_replays(device) as replays:
        module(batch.ids.clone(), batch.mask.clone())
    return replays()
