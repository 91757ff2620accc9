"""A calibration in words: what this machine can see, for `ace-calibrate`, `ace-doctor` and the note in MLflow."""

import math
import time
from collections.abc import Iterator

from ace.domain.calibration import Calibration, Effect, ShapeCalibration
from ace.domain.wording import percent, percent_within


def calibration_lines(made: Calibration) -> list[str]:
    """Plain lines, one idea each."""
    day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(made.started_at))
    head = f"calibration of {made.host} ({made.cpu_model}, threads={made.threads}), protocol {made.protocol}, {day}"
    return [head, *(line for shape in made.shapes for line in _shape(shape, made.margin))]


def calibration_metrics(made: Calibration) -> dict[str, float]:
    """Metrics by `group/name_unit`; what is not known has no entry."""
    found: dict[str, float | None] = {}
    for shape in made.shapes:
        found[f"bias/{shape.shape}_log"] = shape.bias.gain
        found[f"visible/{shape.shape}_log"] = shape.smallest_visible
        found[f"permuted/{shape.shape}"] = shape.permuted_claims
    return {name: value for name, value in found.items() if value is not None}


def _shape(shape: ShapeCalibration, margin: float) -> Iterator[str]:
    yield f"{shape.shape}: bias of a candidate that changes nothing {_seen(shape.bias)}; null arm {_seen(shape.null)}"
    if shape.smallest_visible is not None:
        yield (
            f"  this machine cannot see effects under {percent(shape.smallest_visible).lstrip('+')} with "
            f"{shape.sessions} sessions (80 % chance to see that one)"
        )
    told = [f"{percent(n.effect)} needs {n.sessions} sessions" for n in shape.needed if n.sessions is not None]
    within = [percent(n.effect) for n in shape.needed if n.sessions is None]
    yield "  " + "; ".join([*told, *([f"{', '.join(within)} cannot be told from the margin"] if within else [])])
    if shape.permuted_claims is not None and shape.permuted_claims_with_margin is not None:
        yield (
            f"  false claims when baseline and null swap labels: {shape.permuted_claims:.1%} of relabellings, "
            f"{shape.permuted_claims_with_margin:.1%} beyond the {100 * margin:g} % margin"
        )
    for effect in shape.effects:
        verdict = {True: "found at its size", False: "NOT found at its size", None: "could not be estimated"}
        yield f"  planted {percent(effect.expected)}: {_seen(effect)}, {effect.answer}, {verdict[effect.found]}"


def _seen(effect: Effect) -> str:
    if effect.gain is not None and not math.isfinite(effect.gain):
        return "not measured"
    return percent_within(effect.gain, effect.low, effect.high)
