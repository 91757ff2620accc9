"""Does a stored window follow from its own raw readings? Asked by judgement, which was not there when they were taken.

The reckoning is pure, so it is done again: from the stored readings, what the source is (`facts`) and the state of the
board. Joules, every part of the uncertainty, the update period and the flags must come out as they are recorded. Two
things are not stored and stand as they are: polled power beside a counter, and who else was on the board.
"""

import math
import statistics
from collections.abc import Iterator
from itertools import pairwise

from ace.domain.budget import Budget
from ace.domain.energy import ALIASED, CAPPED, DRIFTING, UNALIGNED, EnergyPlan, EnergyWindow, SourceChoice
from ace.telemetry.aliasing import is_part_time
from ace.telemetry.facts import FACTS, Facts
from ace.telemetry.meters import Description
from ace.telemetry.reckoning import Readings, Reckoned, reckon
from ace.telemetry.refusing import Refused

SAME = 1e-6
"""Relative: the same formulas on the same floats; only the end of the work is rounded once more."""
LATE = 4  # times the planned distance of readings: a thread that starves reads late, not all the time
RECKONED = {ALIASED, CAPPED, DRIFTING, UNALIGNED}


def contradiction(window: EnergyWindow, choice: SourceChoice, asked: EnergyPlan, batch: int) -> str | None:
    """Why a window cannot be what its readings give; None where it can, and where it has no energy.

    `batch`: items of a call, which tells how often the work repeats. `choice` is one of `facts.FACTS`.
    """
    facts = FACTS[str(choice.source)]
    if window.energy_j is None or window.budget is None:
        return None
    if window.series.unit != facts.unit:
        return f"readings in {window.series.unit}, and {choice.source} reads {facts.unit}"
    if (said := _sparse(window, facts)) is not None:
        return said
    answers = [_against(window, choice, facts, width_s, asked, batch) for width_s in facts.averaging_s]
    return None if None in answers else answers[0]


def _sparse(window: EnergyWindow, facts: Facts) -> str | None:
    """Fewer readings than the period of the source needs: what a counter or a sensor did between them nobody saw."""
    start_s, end_s = window.start_s, window.start_s + window.work_s
    inside = [t for t in window.series.times_s if start_s <= t <= end_s]
    most_s = max(facts.update_period_s, LATE * facts.read_every_s)
    gap_s = statistics.median([b - a for a, b in pairwise(inside)]) if len(inside) > 1 else window.work_s
    if gap_s <= most_s:
        return None
    return f"{len(inside)} readings in {window.work_s:.2f} s of work, {gap_s:.3g} s apart; {most_s:g} s at most"


def _against(
    window: EnergyWindow, choice: SourceChoice, facts: Facts, averaging_s: float, asked: EnergyPlan, batch: int
) -> str | None:
    assert window.energy_j is not None
    limit_w = window.state.power_limit_w if window.state is not None else None
    what = Description(
        source=str(choice.source),
        grade=choice.grade,
        scope=facts.scope,
        kind=facts.kind,
        unit=facts.unit,
        update_period_s=facts.update_period_s,
        read_every_s=facts.read_every_s,
        averaging_s=averaging_s,
        power_limit_w=limit_w,
        part_time=is_part_time(choice.device_name or ""),
    )
    end_s, iteration_s = window.start_s + window.work_s, window.work_s * batch / window.items
    try:
        readings = Readings(what, window.series, None, state=window.state)
        found = reckon(readings, window.start_s, end_s, iteration_s, asked.relative_error)
    except Refused as refusal:
        return f"{window.energy_j:.3g} J, and its readings give none: {refusal.reason}: {refusal}"
    except (ValueError, ArithmeticError) as error:  # numbers that somebody wrote: no meter overflows a sum
        return f"{window.energy_j:.3g} J, and its readings are no meter's: {error}"
    return next(_differences(window, found), None)


def _differences(window: EnergyWindow, found: Reckoned) -> Iterator[str]:
    assert window.power_w is not None
    assert window.budget is not None
    if not math.isclose(window.power_w, found.power_w, rel_tol=SAME):
        yield f"{window.power_w:.4g} W are recorded, and its readings give {found.power_w:.4g} W"
    yield from _other_parts(window.budget, found.budget)
    if not math.isclose(window.update_period_s or 0.0, found.update_period_s, rel_tol=SAME):
        said = f"{window.update_period_s} s" if window.update_period_s else "none"
        yield f"an update period of {said} is recorded, and its readings give {found.update_period_s:.4g} s"
    if apart := (set(window.flags) ^ set(found.flags)) & RECKONED:
        recorded, given = ("flagged" if apart & set(flags) else "not flagged" for flags in (window.flags, found.flags))
        yield f"it is {recorded} {', '.join(sorted(apart))}, and its readings are {given} so"


def _other_parts(recorded: Budget, found: Budget) -> Iterator[str]:
    """Parts that are missing, or as large as neither source nor readings make them."""
    said = {c.name: c for c in recorded.components}
    for part in found.components:
        given = said.pop(part.name, None)
        if given is None:
            yield f"its uncertainty lacks {part.name}, {part.relative:.2%}"
        elif not math.isclose(given.relative, part.relative, rel_tol=SAME, abs_tol=SAME * SAME):
            told = f"source and readings give {part.relative:.2%}"
            yield f"{part.name} is said to be {given.relative:.2%} of it (k=1); {told}"
        elif given.systematic is not part.systematic:
            yield f"{part.name} is said to {'stay' if given.systematic else 'average out'} over sessions, and does not"
    if said:
        yield f"its uncertainty has {', '.join(said)}, which its source does not have"
