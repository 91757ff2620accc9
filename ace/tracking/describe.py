"""A cell in MLflow's words: its tags, its params, its metrics.

Params are what MLflow's compare page shows, so the axes of a sweep are params; digests, identities and provenance are
tags. Nothing is judged from either: judgement reads the record.
"""

import json
import math
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

import ace
from ace.domain.canonical import canonical_json
from ace.domain.claim import claim_id, claim_label
from ace.domain.plan import CellPlan
from ace.domain.record import SCHEMA_VERSION, CellRecord, CodeState, Digests
from ace.domain.serial import encode
from ace.tracking import names

LATEST = "## Latest decision"
MOST_COMPARED = 30
"""Runs on one compare page: more of them make an address that no server takes."""
METRIC_NAME = re.compile(r"[a-z0-9_]+/[a-z0-9_.]+")


def run_name(plan: CellPlan) -> str:
    """What the list of runs shows."""
    idea = plan.executor.target.rsplit(".", 1)[1]
    return f"{idea} {plan.model.name} {plan.benchmark.split} {plan.shape}"


def cell_tags(plan: CellPlan, attempt: str, code: CodeState, weights: Digests, cell_key: str) -> dict[str, str]:
    """What identifies an attempt and what it was made from."""
    return {
        names.ATTEMPT: attempt,
        names.SPLIT: plan.benchmark.split,
        names.PLAN_DIGEST: plan.digest,
        names.CELL_KEY: cell_key,
        names.CLAIM: claim_id(plan, code.executor_digest, weights),
        names.CLAIM_LABEL: names.clip(claim_label(plan), names.TAG_LIMIT),
        names.PLANNED_SESSIONS: str(plan.protocol.sessions),
        names.COMMIT: code.commit or "none",
        names.DIRTY: "unknown" if code.dirty is None else str(code.dirty).lower(),
        names.PACKAGE_DIGEST: code.package_digest,
        names.EXECUTOR_DIGEST: code.executor_digest,
        names.WEIGHTS: names.clip(canonical_json(dict(weights)), names.TAG_LIMIT),
    }


def energy_tags(record: CellRecord) -> dict[str, str]:
    """Where the energy of a record is from, or NO_EVIDENCE and why each source gave nothing; none where none was asked
    for. Simulated is said in a tag of its own: MLflow shows it beside every number of the run."""
    if not record.energy_sources:
        return {}
    chosen = [choice for choice in record.energy_sources if choice.source is not None]
    tried = [f"{t.source}: {t.reason}" for choice in record.energy_sources for t in choice.tried]
    return {
        names.ENERGY_GRADE: ", ".join(choice.grade for choice in chosen) or "NO_EVIDENCE",
        names.ENERGY_SOURCE: ", ".join(str(choice.source) for choice in chosen) or "none",
        names.ENERGY_SIMULATED: ", ".join(str(choice.simulated).lower() for choice in chosen) or "nothing measured",
        names.ENERGY_TRIED: names.clip("; ".join(tried) or "none", names.TAG_LIMIT),
    }


def run_tags(kind: str) -> dict[str, str]:
    """What every run of ACE carries."""
    return {names.KIND: kind, names.SCHEMA: str(SCHEMA_VERSION), names.VERSION: ace.__version__}


def cell_params(plan: CellPlan) -> dict[str, str]:
    """The axes of the sweep, and what else one compares runs by."""
    shape = plan.shape
    params: dict[str, Any] = {
        "seq_len": shape.seq_len,
        "batch": shape.batch,
        "hidden": shape.hidden,
        "depth": shape.depth,
        "seed": plan.replicate[0],
        "replicate": plan.replicate[1],
        "split": plan.benchmark.split,
        "benchmark": plan.benchmark.name,
        "inputs": plan.benchmark.inputs,
        "model": plan.model.name,
        "executor": plan.executor.target,
        "protocol": plan.protocol.name,
        "telemetry": plan.telemetry.name,
    }
    params |= {f"executor.{key}": value for key, value in plan.executor.parameters}
    return {key: names.clip(_shown(value), names.PARAM_LIMIT) for key, value in params.items()}


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(encode(value))


def refused_metric(metrics: Mapping[str, float]) -> str | None:
    """Why one of the metrics cannot be stored, None when all can.

    MLflow would store an infinity as 1.8e308 and NaN as 0, which later reads as measured.
    """
    for name, value in metrics.items():
        if not METRIC_NAME.fullmatch(name):
            return f"metric {name!r} is not of the form group/name_unit"
        if not math.isfinite(value):
            return f"metric {name} is {value}; leave out what was not measured"
    return None


def refused_provenance(metrics: Mapping[str, float], provenance: Mapping[str, str]) -> str | None:
    """Why the provenance of the metrics cannot be stored, None when it can."""
    unexplained = sorted(set(metrics) - set(provenance))
    if unexplained:
        return f"metric {unexplained[0]} has no provenance; say where every number comes from"
    size = len(canonical_json(dict(provenance)))
    if size > names.TAG_LIMIT:
        return f"the provenance of {len(provenance)} metrics takes {size} characters; a tag holds {names.TAG_LIMIT}"
    return None


def note_of(
    before: str, experiment_id: str, told: Sequence[tuple[str, str]], compared: Sequence[tuple[str, Sequence[str]]]
) -> str:
    """An experiment's note: what stood there before ours, then each decision with a link to its run, and the compare
    page of each map, whose axes are numeric params."""
    kept = before.partition(LATEST)[0].rstrip()
    lines = [LATEST, ""]
    lines += [f"- [{text}](#/experiments/{experiment_id}/runs/{run_id})" for text, run_id in told]
    if compared:
        lines += ["", "Compare the cells:", ""]
    for title, runs in compared:
        query = {"runs": json.dumps(list(runs[:MOST_COMPARED])), "experiments": json.dumps([experiment_id])}
        more = f" (the first {MOST_COMPARED})" if len(runs) > MOST_COMPARED else ""
        lines.append(f"- [{title}: {len(runs)} runs{more}](#/compare-runs?{urllib.parse.urlencode(query)})")
    return "\n".join([*([kept, ""] if kept else []), *lines])
