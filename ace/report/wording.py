"""What verdicts and regimes mean, in sentences; and text from runs made safe for terminals and markdown.

Shared by memo, page and terminal, so that all three say the same. Text that comes out of a run (names, failure details)
is untrusted wherever it is shown; HTML is escaped by the template engine.
"""

import math
import re
from collections.abc import Iterable

from ace.domain.decision import ESTIMAND, CellDecision, Decision
from ace.domain.estimate import Estimate
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.plan import DEVELOPMENT, HOLDOUT
from ace.domain.verdict import Regime, Verdict
from ace.domain.wording import LARGEST_LOG, percent, percent_within, points_within

AXES = "Which axes matter, averaged over the development cells measured (95 % intervals over sessions)"
BARE_ADDRESS = re.compile(r":(?=//)|(?<![^\W_])www\.", re.IGNORECASE)
"""Up to the mark without which markdown makes no link of a web address."""
KNOWS_NOTHING = 0.99  # width of an interval between 0 and 1
MEANING = {
    Verdict.INVALID: "The evidence cannot be judged as it stands; no conclusion about the idea follows from it.",
    Verdict.REJECTED_HARM: "Do not ship it: harm was shown, by a bound and not by chance.",
    Verdict.REJECTED_NO_GAIN: "Do not ship it for speed: the gain that would make it worth having was ruled out.",
    Verdict.PROMISING_BUT_COMPLEX: "It works, but costs more complexity than the policy allows.",
    Verdict.EXPLORATORY: "Exploration only: it may guide what to measure next and must not be deployed on.",
    Verdict.INCONCLUSIVE: "Not decided: at least one required measurement is missing.",
    Verdict.ACCEPTED_WITHIN_ENVELOPE: "Ship it inside the measured envelope, with the baseline everywhere else.",
    Verdict.ACCEPTED: "Ship it: every required gate passes on the whole declared grid.",
}
REGIME_MEANING = {
    Regime.POSITIVE: "faster by more than the smallest gain worth having, as good",
    Regime.EDGE: "faster, but perhaps by less than is worth having",
    Regime.BOUNDARY: "no difference that matters could be seen, and it would have been",
    Regime.COLLAPSE: "slower, or worse",
    Regime.UNRESOLVED: "not known: too few or too unsteady sessions, or quality not settled",
}

ROOFLINE = (
    "Of roofline: the least time that the machine needs for what an arm computes and moves, by its measured peaks, "
    "over the time that it took; baseline, then candidate."
)


def headline(decision: Decision) -> str:
    """The second sentence: what was seen on sealed documents where they were opened, else on the map, as a range and
    never as its best cell alone."""
    held = [cell.gain for cell in decision.cells if cell.split == HOLDOUT and cell.gain is not None]
    if held:
        return f"On sealed documents it gains {_extent(held)} ({ESTIMAND}, baseline over candidate) in {_cells(held)}."
    cells = [cell for cell in decision.cells if cell.split == DEVELOPMENT]
    if not cells:
        return "No development cell was measured."
    positive = [cell for cell in cells if cell.regime is Regime.POSITIVE]
    gains = [cell.gain for cell in (positive or cells) if cell.gain is not None]
    counted = f"{len(positive)} of {len(cells)} development cells are positive"
    if not gains:
        return f"{counted}; no gain could be estimated."
    among = "those gain" if positive else "the cells gain"
    return f"{counted}; {among} {_extent(gains)} ({ESTIMAND}, baseline over candidate)."


def _extent(gains: list[float]) -> str:
    return percent(gains[0]) if len(gains) == 1 else f"from {percent(min(gains))} to {percent(max(gains))}"


def _cells(held: list[float]) -> str:
    return "one cell" if len(held) == 1 else f"{len(held)} cells"


def calibration(decision: Decision) -> str | None:
    """What to say of planted compute; None for a real claim."""
    if decision.planted is None:
        return None
    return f"Calibration: known extra compute was planted in the {decision.planted} arm; nothing is claimed."


def gain_text(cell: CellDecision) -> str:
    """`+12.9 % [+12.1, +13.8]`."""
    return percent_within(cell.gain, cell.low, cell.high)


def quality_text(cell: CellDecision) -> str:
    """`-0.7 points [-2.0, +0.6] PASS`."""
    found = cell.quality
    if found is None:
        return "not scored"
    return f"{points_within(found.difference, found.low, found.high)} {found.outcome.value}"


def roofline_text(cell: CellDecision) -> str:
    """`23 %, 21 %`."""
    shares = (cell.baseline_roofline, cell.candidate_roofline)
    return ", ".join("not known" if share is None else f"{100 * share:.0f} %" for share in shares)


def axes_lines(decision: Decision) -> list[str]:
    """What doubling each axis of the development map does, one line an axis; empty where none varies by itself."""
    times = {effect.axis: effect for effect in decision.axes.baseline_time}
    lines = []
    for effect in decision.axes.gain:
        line = f"doubling {effect.axis} multiplies baseline over candidate by {_factor(effect.per_doubling)}, "
        line += _told_of_differences(effect.share)
        if time := times.get(effect.axis):
            line += f"; it multiplies the baseline's own time by {_factor(time.per_doubling)}"
        lines.append(line)
    return lines


def _told_of_differences(share: Estimate) -> str:
    if share.high - share.low > KNOWS_NOTHING:
        return "and whether it tells any of the differences between cells is lost in noise"
    return f"and by itself tells {_percentage(share)} of the differences between cells"


def _factor(log: Estimate) -> str:
    value, low, high = (math.exp(min(part, LARGEST_LOG)) for part in (log.value, log.low, log.high))
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _percentage(share: Estimate) -> str:
    return f"{100 * share.value:.0f} % [{100 * share.low:.0f}, {100 * share.high:.0f}]"


def scope_lines(decision: Decision) -> list[str]:
    """The verdict of every other scope than speed, with its first reason: one accepted scope says nothing about
    another."""
    others = (("energy", decision.claims.energy), ("memory", decision.claims.memory), ("ecd", decision.claims.ecd))
    return [f"{name}: {claim.verdict}: {claim.reasons[0]}" for name, claim in others]


def tuning_text(decision: Decision) -> str:
    """`candidate: 3 settings in 12 attempts; baseline: 1 setting in 12 attempts`."""
    return "; ".join(
        f"{t.arm}: {_counted(t.settings, 'setting')} in {_counted(t.attempts, 'attempt')}" for t in decision.tuning
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def fired(decision: Decision) -> list[Finding]:
    """Rules that fire, the gravest first."""
    grave = [Severity.BLOCK, Severity.DOWNGRADE, Severity.WARN]
    found = [f for f in decision.findings if f.outcome is Outcome.FAIL]
    return sorted(found, key=lambda f: grave.index(f.severity))


def plain(text: str) -> str:
    """One line without control characters: an escape sequence from a run must not reach the terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def markdown(text: str) -> str:
    """Text as text: nothing in it makes a heading, code, a link or web address to click, or breaks a table. Underscores
    are left as they are, for the names of keys are full of them; they can make no more than a word slanted or bold."""
    escaped = plain(text).replace("&", "&amp;").replace("<", "&lt;")
    for mark in "\\`*[]|#~!":
        escaped = escaped.replace(mark, "\\" + mark)
    return BARE_ADDRESS.sub(lambda found: found[0][:-1] + "\\" + found[0][-1], escaped)


def markdown_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Lines of a table; its cells are text, the head is ours."""
    names = list(head)
    body = ("| " + " | ".join(markdown(cell) for cell in row) + " |" for row in rows)
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(names), *body]


def code(text: str) -> str:
    """An indented code block of one line, which no content can close."""
    return "    " + plain(text)
