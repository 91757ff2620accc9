"""The arms of a session: baseline, null (the baseline prepared a second time), candidate.

Stands between loading and timing in `session`. Every arm has weights of its own in memory, so that none profits from
another's warm cache, and the baseline is proved unchanged afterwards.
"""

import copy
import hashlib
import time
from collections.abc import Callable, Set
from dataclasses import dataclass
from types import FunctionType

import torch
from torch import nn
from torch.nn.modules import module as torch_module

from ace.domain.plan import CellPlan
from ace.domain.session import BASELINE, CANDIDATE, NULL, ArmState
from ace.domain.workload import Batch, Executor, Work
from ace.executors.loading import load_executor
from ace.executors.planted import Planted
from ace.measure.dependencies import imported_names, new_distributions
from ace.measure.failing import ArmError, foreign_code
from ace.measure.weights import number_types, weights
from ace.models.digests import weights_digest
from ace.models.loading import load_model

PLAIN_TENSORS = (nn.Parameter, torch.Tensor, type(None))
"""A weight of a class of its own decides what is called where it is used."""


@dataclass(frozen=True, slots=True)
class Arms:
    """`modules` by arm name. `model` is what the executor was given; `model_digest` its state before it was."""

    modules: dict[str, nn.Module]
    model: nn.Module
    model_digest: str
    prepare_s: float
    planted: str | None
    rivals_failed: tuple[tuple[str, str], ...]
    new_dependencies: tuple[str, ...]


def prepare(
    plan: CellPlan,
    executor: Executor,
    example: Batch,
    calibration: Batch | None = None,
    imported: Set[str] = frozenset(),
    meet: Callable[[nn.Module], None] | None = None,
) -> Arms:
    """Load once, prepare each arm.  Raises ArmError when the executor fails or changes the baseline.

    `calibration`: documents of development for ideas that ask for some. `imported`: top-level names that were imported
    before the executor was; without them no dependency is new. `meet`: given the baseline that will be timed, before
    the executor sees the model.
    """
    already = imported_names()
    model = load_model(plan.model)
    imported = imported and imported | (imported_names() - already)  # what the model brings is not the executor's
    before = state_digest(model)
    # both are copies, as every candidate is: weights just loaded lie better in memory, by half a percent of a call, and
    # no executor ever sees the module that its candidate is timed against
    baseline: nn.Module = copy.deepcopy(model)
    null: nn.Module = copy.deepcopy(model)
    if meet is not None:
        meet(baseline)
    given = Batch(example.ids.clone(), example.mask.clone())
    start = time.perf_counter()
    candidate = _prepared(executor, CANDIDATE, model, given, calibration)
    prepare_s = time.perf_counter() - start
    brought = new_distributions(imported, plan.executor.target) if imported else ()  # before a rival brings its own
    require_unchanged(model, before, "prepare")
    _require_same_input(given, example, CANDIDATE)
    rivals, rivals_failed = _rivals(plan, model, before, given, example, calibration)
    planted = executor.arm if type(executor) is Planted else None  # exactly ours: no subclass may touch the baseline
    if type(executor) is Planted and executor.arm == BASELINE:
        baseline, null = executor.plant(baseline, example), executor.plant(null, example)
    modules = {BASELINE: baseline, NULL: null, CANDIDATE: candidate.eval(), **rivals}
    return Arms(modules, model, before, prepare_s, planted, rivals_failed, brought)


def _rivals(
    plan: CellPlan, model: nn.Module, before: str, given: Batch, example: Batch, calibration: Batch | None
) -> tuple[dict[str, nn.Module], tuple[tuple[str, str], ...]]:
    """Rivals by name, and why those that are missing are: a rival that fails costs the candidate nothing."""
    made: dict[str, nn.Module] = {}
    failed = []
    for rival in plan.rivals:
        try:
            with foreign_code("prepare", rival.name):
                executor = load_executor(rival.executor)
            made[rival.name] = _prepared(executor, rival.name, model, given, calibration).eval()
        except ArmError as error:
            failed.append((rival.name, f"{error.kind} at {error.stage}: {error.detail[:500]}"))
        require_unchanged(model, before, "prepare", rival.name)
        _require_same_input(given, example, rival.name)
    return made, tuple(failed)


def _prepared(executor: Executor, arm: str, model: nn.Module, given: Batch, calibration: Batch | None) -> nn.Module:
    calibrate = getattr(executor, "calibrate", None)
    if calibrate is not None and calibration is not None:
        with foreign_code("calibrate", arm):
            calibrate(model, Batch(calibration.ids.clone(), calibration.mask.clone()))
    with foreign_code("prepare", arm):
        made = executor.prepare(model, given)
    if not isinstance(made, nn.Module):
        came = f"prepare returned a {type(made).__name__}; expected a torch.nn.Module"
        raise ArmError("prepare", "invalid output", arm, came)
    return made


def _require_same_input(given: Batch, example: Batch, arm: str) -> None:
    if not (torch.equal(given.ids, example.ids) and torch.equal(given.mask, example.mask)):
        raise ArmError("prepare", "changed input", arm, "prepare changed the example it was given; clone it first")


def declared(executor: Executor, example: Batch) -> Work:
    """What the executor says of the candidate that it prepared, for one batch.  Raises ArmError when that fails."""
    declares = getattr(executor, "declares", None)
    if declares is None:
        return Work()
    with foreign_code("declares", CANDIDATE):
        said = declares(Batch(example.ids.clone(), example.mask.clone()))
        tokens = None if said.tokens_per_layer is None else tuple(int(n) for n in said.tokens_per_layer)
        return Work(tokens, tuple(str(c) for c in said.changes), bool(said.equivalent))


def require_unchanged(model: nn.Module, digest: str, stage: str, arm: str = CANDIDATE) -> None:
    """Raise ArmError("changed baseline") unless the baseline is what it was before the executor saw it."""
    if state_digest(model) != digest:
        raise ArmError(
            stage,
            "changed baseline",
            arm,
            "the executor changed the baseline model (weights, hooks, mode or methods); "
            "work on copy.deepcopy(model) instead",
        )


def state_digest(model: nn.Module) -> str:
    """`WEIGHTS.BEHAVIOUR`: the digest of its weights, by which a server knows the model again (`ace.guard`), and that
    of what decides how they are used: classes, mode, hooks, replaced methods."""
    state = hashlib.blake2b(digest_size=16)
    for name, part in model.named_modules():
        state.update(f"{name}{_behaviour(part)}".encode())
    everywhere = (torch_module._global_forward_hooks, torch_module._global_forward_pre_hooks)
    state.update(str([len(hooks) for hooks in everywhere]).encode())
    return f"{weights_digest(model)}.{state.hexdigest()}"


def _behaviour(part: nn.Module) -> str:
    """What decides how a module uses its weights: its class's code, hooks, replaced methods, plain settings."""
    kind = type(part)
    code = [
        f"{key}{value.__code__.co_code.hex()}"
        for key, value in sorted(vars(kind).items())
        if isinstance(value, FunctionType)
    ]
    settings = [
        f"{key}={value}"
        for key, value in sorted(vars(part).items())
        if value is None or isinstance(value, bool | int | float | str | tuple)
    ]
    replaced = sorted(key for key in vars(part) if callable(getattr(kind, key, None)))
    hooks = len(part._forward_hooks) + len(part._forward_pre_hooks)
    held = [*part._parameters.items(), *part._buffers.items()]
    odd = [f"{key}={type(tensor)}" for key, tensor in held if type(tensor) not in PLAIN_TENSORS]
    return f"{kind.__module__}.{kind.__qualname__}{code}{settings}{replaced}{hooks}{odd or ''}"


def arm_state(
    arm: str,
    module: nn.Module,
    threads_before: int,
    threads_timed: tuple[int, int],
    backends: tuple[str, ...],
    graphs: int | None,
) -> ArmState:
    """What parity compares, after the arm was timed. `threads_timed`: fewest and most around its timed calls;
    `graphs`: CUDA graphs replayed in a call."""
    return ArmState(
        arm=arm,
        dtypes=number_types(module),
        parameters=sum(weight.numel() for weight in weights(module)),
        threads_before=threads_before,
        threads_after=torch.get_num_threads(),
        threads_least=threads_timed[0],
        threads_most=threads_timed[1],
        attention_backends=backends,
        cuda_graphs=graphs,
    )
