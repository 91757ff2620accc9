"""Gate instrument: could this machine see the effect at all, in these very sessions?

The null arm is the baseline prepared a second time, so its gain is known to be nothing. What it shows beyond chance is
the instrument's own error; how widely it scatters is the smallest thing that could be seen. An error that is not wholly
beyond the margin (where a copy of the weights lies in memory can cost 1 %) does no harm to a gain that would still be
worth having if all of it were taken off; more sessions would only make it surer (GUM, JCGM 100:2008, 3.2.3).
"""

import math
from collections.abc import Callable, Iterator
from functools import partial

from ace.decide import commands
from ace.decide.asking import gate
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate, half_width
from ace.decide.gates.registration import once_more
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import HOLDOUT, VALIDATION
from ace.domain.policy import Policy
from ace.domain.wording import percent, percent_within

NAME = "instrument"


def instrument(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """The null arm of each examined cell, and of the same shapes on the other splits."""
    cells = list(dossier.examined)
    for split in (VALIDATION, HOLDOUT):
        cells += [other for cell in dossier.examined if (other := dossier.at(split, cell.cell.shape))]
    yield from (null_arm(cell, len(cells), policy, partial(_again, dossier, cell)) for cell in cells)
    if not cells:
        yield gate(NAME, Outcome.NO_EVIDENCE, "no development cell was measured", _threshold(policy), "measure a cell")


def _threshold(policy: Policy) -> str:
    floor, margin = percent(policy.gain_floor), 100 * policy.margin
    alike = f"null interval, for all cells together, includes 0 or lies within ±{margin:g} %"
    small = f"or the gain less its far end exceeds {floor}"
    return f"{alike}, {small}; half-width <= {floor}, {policy.min_sessions} sessions"


def _again(dossier: Dossier, cell: CellEstimate) -> str:
    return once_more(dossier, cell) if cell.cell.split == HOLDOUT else commands.measure_again([cell.cell])


def null_arm(cell: CellEstimate, family: int, policy: Policy, again: Callable[[], str]) -> Finding:
    """The answer of one null arm. `again` gives the command that measures the cell once more.

    `family`: null arms that are looked at together; each of them strays beyond chance in alpha of all cases, so what is
    beyond chance is asked of all of them at once (Dunn 1961).
    """
    null, threshold = cell.null, _threshold(policy)
    shown = f"null arm {percent_within(null.gain, null.low, null.high)}, {null.sessions} sessions"
    if null.low is None or null.high is None or null.sessions < policy.min_sessions:
        enough = commands.with_sessions(again(), policy.min_sessions)
        step = f"measure at least {policy.min_sessions} sessions: {enough}"
        return gate(NAME, Outcome.NO_EVIDENCE, shown, threshold, step, cell.key)
    if null.low > policy.same_within or null.high < -policy.same_within:
        return gate(
            NAME,
            Outcome.FAIL,
            f"{shown}: the same program seems to differ from itself",
            threshold,
            "quiet the machine (other processes, frequency scaling) and measure this cell again",
            cell.key,
        )
    if half_width(null) > policy.gain_floor:
        needed = math.ceil(null.sessions * (half_width(null) / policy.gain_floor) ** 2)
        return gate(
            NAME,
            Outcome.NO_EVIDENCE,
            f"{shown}: this machine cannot see {percent(policy.gain_floor)} now",
            threshold,
            f"measure with about {needed} sessions in all: {again()}",
            cell.key,
        )
    within = -policy.same_within <= null.low and null.high <= policy.same_within
    by_chance = null.p_value is not None and null.p_value >= cell.alpha / family
    if null.low <= 0 <= null.high or within or by_chance:
        return gate(NAME, Outcome.PASS, shown, threshold, cell=cell.key)
    error, surest = max(-null.low, null.high), cell.bounds.low
    if surest is not None and surest - error > policy.gain_floor:
        beyond = f"beyond chance; the gain is at least {percent(surest - error)} with all of it taken off"
        return gate(NAME, Outcome.PASS, f"{shown}: {beyond}", threshold, cell=cell.key)
    return gate(
        NAME,
        Outcome.NO_EVIDENCE,
        f"{shown}: beyond chance, yet not beyond the margin",
        threshold,
        f"measure this cell once more: {again()}",
        cell.key,
    )
