"""A job of a sweep, by its overrides as they were typed, and a plan, told in the same words.

Between declared sweeps and stored cells: whether a measurement stands for a job, and whether it is what its job says.
`commands` writes jobs by the same spelling.
"""

import re

from ace.domain.plan import CellPlan
from ace.domain.stored import StoredCell

AXES = ("seq_len", "batch", "hidden", "depth")
MNIST, IMAGES = "ace.benchmarks.mnist.", "mnist_"  # conf/split/mnist_development.yaml and its like
NAMED_MODELS = "ace.models.hf.load"  # conf/model/hf.yaml; model.name says which
PROTOCOL_KEYS = ("sessions", "rounds", "warmup_rounds", "min_timing_s", "threads", "session_limit_s", "stopping")
ENCLOSED = {"[": "]", "{": "}", "(": ")", "'": "'", '"': '"'}
PARTING = re.compile(r"""[,\[{('"]""")
SIMPLE = re.compile(r"[\w./:@%+-]+")  # what needs no quotes in an override


def covers(attempt: StoredCell, job: str) -> bool:
    """Whether a measurement stands for this job of a sweep: every override that the job names must agree."""
    if attempt.plan is None:
        return attempt.job == job
    own = overrides(attempt.job or "")
    known = _guessed(attempt.plan) | own | _certain(attempt.plan)
    return all(key in known and _alike(known[key], value) for key, value in map(pair, split_job(job)))


def agrees(attempt: StoredCell, job: str) -> bool:
    """Whether the plan of a run denies nothing of the job that it is tagged with. What the plan cannot tell (the file
    that a group was chosen from) is believed."""
    if attempt.plan is None:
        return True
    certain = _certain(attempt.plan)
    return all(_alike(certain[key], value) for key, value in map(pair, split_job(job)) if key in certain)


def split_job(job: str) -> list[str]:
    """`batch=1,executor.at=[1,2]` -> its overrides: commas within brackets or quotes belong to a value.

    A bracket or quote that nothing closes is a letter like others. Every letter is met once, for a job may be a
    stranger's: a million open brackets are one override.
    """
    parts, begin, at = [], 0, 0
    last = {opening: job.rfind(closing) for opening, closing in ENCLOSED.items()}
    while found := PARTING.search(job, at):
        at, mark = found.end(), found[0]
        if mark == ",":
            parts.append(job[begin : found.start()])
            begin = at
        elif last[mark] >= at:
            at = job.index(ENCLOSED[mark], at) + 1
    return [part for part in (*parts, job[begin:]) if part]


def pair(override: str) -> tuple[str, str]:
    """Key and value of an override as it was typed."""
    key, _, value = override.partition("=")
    return key, value


def overrides(job: str) -> dict[str, str]:
    """The overrides of a job, value by key."""
    return dict(map(pair, split_job(job)))


def choices(job: str) -> dict[str, str]:
    """What a job of a sweep chose besides its place on the map."""
    return {key: value for key, value in overrides(job).items() if key not in (*AXES, "seed", "replicate", "split")}


def split_file(plan: CellPlan, job: str | None) -> str:
    """The file of the group `split` that a plan came from: the one that its job names, else the packaged one."""
    named = overrides(job or "").get("split")
    return named or f"{IMAGES if plan.benchmark.target.startswith(MNIST) else ''}{plan.benchmark.split}"


def model_overrides(plan: CellPlan) -> dict[str, str]:
    """The overrides that choose the model: its file, and for a model found by its name that name as well."""
    if plan.model.target == NAMED_MODELS:
        return {"model": "hf", "model.name": plain(plan.model.name)}
    return {"model": plan.model.name}


def plain(value: object) -> str:
    """A value in the grammar of Hydra's overrides."""
    if isinstance(value, tuple):
        return "[" + ",".join(plain(item) for item in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value)
    if isinstance(value, str) and not SIMPLE.fullmatch(text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return text


def _certain(plan: CellPlan) -> dict[str, str]:
    """Overrides that a plan answers by itself, whatever files they were chosen from."""
    values: dict[str, object] = {axis: getattr(plan.shape, axis) for axis in AXES}
    values |= dict(zip(("seed", "replicate"), plan.replicate, strict=True))
    values |= {"model.seed": plan.model.seed, "split.examples": plan.benchmark.examples}
    values |= {f"protocol.{key}": getattr(plan.protocol, key) for key in PROTOCOL_KEYS}
    values |= {f"{plus}executor.{key}": value for key, value in plan.executor.parameters for plus in ("", "+")}
    return {"experiment.name": plan.experiment} | {key: plain(value) for key, value in values.items()}


def _guessed(plan: CellPlan) -> dict[str, str]:
    """Groups by the name that the packaged files give them; the job of a run knows better."""
    named = {"protocol": plan.protocol.name, "inputs": plan.benchmark.inputs}
    return {"split": split_file(plan, None)} | model_overrides(plan) | named


def _alike(one: str, other: str) -> bool:
    """Whether two texts of an override say the same: 0.7 and 0.70, [1,2] and [1, 2]."""
    try:
        return float(one) == float(other)
    except ValueError:
        return re.sub(r"""[\s'"]""", "", one).lower() == re.sub(r"""[\s'"]""", "", other).lower()
