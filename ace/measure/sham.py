"""The executor's own sham as a further arm: what the idea costs, with nothing saved.

Called by `session` once the arms are prepared. A sham that cannot be run costs the candidate nothing: the session goes
on without it and says why.
"""

from dataclasses import replace

import torch
from torch import nn

from ace.domain.probes import SHAM
from ace.domain.session import BASELINE
from ace.domain.workload import Batch, Executor
from ace.measure.arms import Arms, require_unchanged
from ace.measure.failing import ArmError, foreign_code
from ace.measure.outputs import require_embedding


def has_sham(executor: Executor) -> bool:
    """Whether the executor has one at all."""
    return getattr(executor, "sham", None) is not None


def with_sham(arms: Arms, executor: Executor, example: Batch) -> tuple[Arms, str | None]:
    """The arms with the sham among them, or without it and why.

    Raises ArmError when it changed the baseline, or what it was given."""
    if not has_sham(executor):
        return arms, "the executor has no sham"
    given = Batch(example.ids.clone(), example.mask.clone())
    try:
        with foreign_code("prepare", SHAM):
            module = executor.sham(arms.model, given)  # type: ignore[attr-defined]
        _require_working(module, arms.modules[BASELINE], given)
    except ArmError as error:
        require_unchanged(arms.model, arms.model_digest, "prepare", SHAM)
        return arms, f"{error.kind} at {error.stage}: {error.detail[:500]}"
    require_unchanged(arms.model, arms.model_digest, "prepare", SHAM)
    return replace(arms, modules={**arms.modules, SHAM: module.eval()}), None


def _require_working(module: object, baseline: nn.Module, given: Batch) -> None:
    """One call whose output can stand beside the others': it shall not end a session that the candidate survives."""
    if not isinstance(module, nn.Module):
        came = f"sham returned a {type(module).__name__}; expected a torch.nn.Module"
        raise ArmError("prepare", "invalid output", SHAM, came)
    with torch.inference_mode():
        width = baseline(given.ids, given.mask).shape[1]
        with foreign_code("prepare", SHAM):
            output = module(given.ids.clone(), given.mask.clone())
    require_embedding(output, given.ids.shape[0], width, "prepare", SHAM)
