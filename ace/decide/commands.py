"""The next step as a command that can be pasted: which cells to measure, with what overrides.

Used by gates and skeptic rules. A job of a declared sweep carries all its overrides; for anything else they are derived
from the plan, so that the command lands in the same claim.
"""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from ace.decide.cells import Cell, shape_order
from ace.decide.jobs import AXES, PROTOCOL_KEYS, choices, model_overrides, overrides, plain, split_file
from ace.decide.launching import DIGITS, LAUNCH, launch
from ace.domain.energy import AUTO, MODELLED, EnergyPlan
from ace.domain.plan import DEVELOPMENT, EXACT, FIXED, OBRIEN_FLEMING, SPEED, UNCHANGED, CellPlan, Shape
from ace.domain.registration import Registration

PACKAGED = "ace.executors."
IMPORTED = "imported."  # timings of another tool: there is no executor to run again
OF_ANOTHER_TOOL = f"{LAUNCH} executor._target_=package.Class, with the candidate as an executor of your own"
NO_RIVALS = {"++executor.rivals": "null", "inputs.rivals": "null"}
"""Where a plan has none at all, whatever the files of its executor and inputs bring along."""
PACKAGED_PROTOCOLS = {  # conf/protocol; a test holds the two together
    name: dict(zip(PROTOCOL_KEYS, (sessions, rounds, 3, 0.001, 1, 900, stopping), strict=True))
    for name, sessions, rounds, stopping in (
        ("quick", 8, 10, FIXED),
        ("standard", 10, 12, FIXED),
        ("isolated", 10, 12, FIXED),
        ("rigorous", 20, 20, FIXED),
        ("sequential", 20, 12, OBRIEN_FLEMING),
    )
}
PACKAGED_EXAMPLES = 1000  # of conf/split
PACKAGED_HOLDOUT_EXAMPLES = 1500
PACKAGED_TDP_W = 65  # of conf/telemetry/modelled.yaml
REGISTERED = ("split=", "split.", "seed=", "replicate=", "protocol=", "protocol.")
"""What the registration says, and nobody else."""


def measure(plan: CellPlan, job: str | None, split: str, shapes: Iterable[Shape], seed: int | None = None) -> str:
    """The command that measures `shapes` on `split` as `plan` was measured, by the job that measured it if known."""
    if plan.executor.target.startswith(IMPORTED):
        return OF_ANOTHER_TOOL
    shapes = sorted(shapes, key=shape_order)
    axes = _axes(plan, _sizes(shapes))
    fixed = _fixed(plan, job, split, plan.seed if seed is None else seed)
    return launch([fixed | _place(shape, axes) for shape in shapes])


def reproduce(cells: Sequence[Cell]) -> str:
    """The commands that measure cells of one split again, each as it was measured last."""
    jobs = []
    sizes = _sizes([cell.shape for cell in cells])
    for cell in cells:
        plan, job = cell.newest.record.plan, cell.newest.job
        if plan.executor.target.startswith(IMPORTED):
            return OF_ANOTHER_TOOL
        bare = NO_RIVALS if job is None and cell.split == DEVELOPMENT and not plan.rivals else {}
        place = _place(cell.shape, _axes(plan, sizes))
        jobs.append(_fixed(plan, job, cell.split, plan.seed) | bare | place)
    return launch(jobs)


def _fixed(plan: CellPlan, job: str | None, split: str, seed: int) -> dict[str, str]:
    """The overrides of a plan but for its place on the map."""
    fixed = _overrides(plan) if job is None else _changed(plan) | choices(job)
    fixed["split"] = split_file(plan, job).replace(plan.benchmark.split, split)
    return fixed | _seeds(replace(plan, seed=seed))


def _sizes(shapes: Iterable[Shape]) -> set[tuple[int, int]]:
    return {(shape.hidden, shape.depth) for shape in shapes}


def _axes(plan: CellPlan, sizes: set[tuple[int, int]]) -> Sequence[str]:
    """Which axes a command must name: those of the model only where some size is not the plan's own."""
    return AXES[:2] if sizes <= {(plan.model.hidden, plan.model.depth)} else AXES


def _place(shape: Shape, axes: Sequence[str]) -> dict[str, str]:
    return {axis: str(getattr(shape, axis)) for axis in axes}


def measure_holdout(plan: CellPlan, job: str | None, registration: Registration, shapes: Iterable[Shape]) -> str:
    """The command that measures registered cells on the sealed documents; the registration draws the seed."""
    command = measure(replace(plan, seed=0), job, registration.holdout.split, shapes)
    packaged = PACKAGED_PROTOCOLS.get(registration.protocol.name, {})
    fixed = [f"split={registration.holdout_file}", f"protocol={registration.protocol.name}"]
    fixed += [
        f"protocol.{key}={plain(value)}"
        for key in PROTOCOL_KEYS
        if (value := getattr(registration.protocol, key)) != packaged.get(key)
    ]
    if registration.holdout.examples != PACKAGED_HOLDOUT_EXAMPLES:
        fixed.append(f"split.examples={registration.holdout.examples}")
    parts = [list(words) for and_then, words in groupby(shlex.split(command), "&&".__eq__) if not and_then]
    return " && ".join(
        shlex.join([*(w for w in words if not w.startswith(REGISTERED)), *fixed] if words[0] != "echo" else words)
        for words in parts
    )


def measure_again(cells: Sequence[Cell]) -> str:
    """The command that measures cells of one split once more, with a seed that none of their measurements had."""
    newest, seed = cells[0].newest, 1 + max(record.plan.seed for cell in cells for record in cell.records)
    return measure(newest.record.plan, newest.job, cells[0].split, [cell.shape for cell in cells], seed)


def with_sessions(command: str, least: int) -> str:
    """The command, asking for no fewer sessions than these."""
    asked = rf"protocol\.sessions=(\d{{1,{DIGITS}}})(?!\d)"
    return re.sub(asked, lambda found: f"protocol.sessions={max(least, int(found[1]))}", command)


def _seeds(plan: CellPlan) -> dict[str, str]:
    """Seed and replicate where they are not 0."""
    return {key: str(value) for key, value in zip(("seed", "replicate"), plan.replicate, strict=True) if value}


def run_again(jobs: Iterable[str]) -> str:
    """The command that runs these jobs of a sweep, as a sweep, so that they are known by the same names."""
    return launch([overrides(job) for job in sorted(jobs)], multirun=True)


def _overrides(plan: CellPlan) -> dict[str, str]:
    """What a plan chose besides its place on the map, named in full."""
    chosen = {"experiment.name": plain(plan.experiment)} | model_overrides(plan)
    target = plan.executor.target
    if target.startswith(PACKAGED):  # conf/executor/ holds one file per packaged module, of the same name
        chosen["executor"] = target.removeprefix(PACKAGED).split(".")[0]
        prefix = "executor."
    else:
        chosen["executor._target_"] = target
        prefix = "+executor."
        chosen |= _own_rivals(plan)
    chosen |= {f"{prefix}{key}": plain(value) for key, value in plan.executor.parameters}
    return chosen | {"protocol": plan.protocol.name} | _changed(plan)


def _own_rivals(plan: CellPlan) -> dict[str, str]:
    """The rivals that the file of somebody's own executor brought along; the inputs bring those that change nothing."""
    named: dict[str, str] = {}
    for rival in plan.rivals:
        if rival.role not in UNCHANGED:
            place, spec = f"+executor.rivals.{rival.name}", rival.executor
            named |= {f"{place}.role": rival.role, f"{place}._target_": spec.target}
            named |= {f"{place}.{key}": plain(value) for key, value in spec.parameters}
    return named


def _changed(plan: CellPlan) -> dict[str, str]:
    """What was set apart from the packaged files: without it the command would measure something else."""
    packaged = PACKAGED_PROTOCOLS.get(plan.protocol.name, {})
    values: dict[str, object] = {
        f"protocol.{key}": value for key in PROTOCOL_KEYS if (value := getattr(plan.protocol, key)) != packaged.get(key)
    }
    if plan.benchmark.inputs != EXACT:
        values["inputs"] = plan.benchmark.inputs
    if plan.benchmark.examples != PACKAGED_EXAMPLES:
        values["split.examples"] = plan.benchmark.examples
    if plan.telemetry.name != AUTO:  # conf/config.yaml's
        values["telemetry"] = plan.telemetry.name
    values |= _changed_telemetry(plan)
    if plan.scopes != (SPEED,):
        values["experiment.scopes"] = plan.scopes
    if plan.model.seed:
        values["model.seed"] = plan.model.seed
    return {key: plain(value) for key, value in values.items()}


def _changed_telemetry(plan: CellPlan) -> dict[str, object]:
    packaged = EnergyPlan(plan.telemetry.name, tdp_w=PACKAGED_TDP_W if plan.telemetry.name == MODELLED else None)
    return {
        f"telemetry.{key}": value
        for key in ("relative_error", "subtract_idle", "tdp_w")
        if (value := getattr(plan.telemetry, key)) != getattr(packaged, key)
    }
