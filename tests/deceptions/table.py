"""docs/deceptions.md: what fooled earlier work, what reveals it here, how often honest work is turned away.

`make deceptions` prints it and writes the page; a test holds that the committed page is what the suite says now.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from scipy.stats import beta

from tests.deceptions.case import Case, is_revealed
from tests.deceptions.controls import CONTROLS, FAMILIES, MODERATE, Control, Ending, answer_to, ending_of
from tests.deceptions.lies import CASES, DECEPTIONS, SUBJECTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "deceptions.md"
END_TO_END = "<!-- end-to-end: rows of deceptions that run as real candidates in real processes are written below -->"
LEVEL = 0.95
AMONG_THEM = """\
A cell that is left open is measured once more, as the launcher does. Three machines are left out, on which ten sessions
often cannot answer: pauses, heavy tails, bad day. Of the others at most one control in 59 should stay unresolved; that
is missed, and a test that is expected to fail says so.""".splitlines()
HEAD = """\
Written by `make deceptions` (`python -m tests.deceptions`); do not edit. Evidence is simulated, so the truth is known;
nothing is timed. Each deception is one lie on the whole registered way of an honest claim (development with rivals,
validation, registration, one look at sealed documents) that is accepted without it; for maps, which nobody registers,
the twin is the honest map. The registration is forged to rest on the lying records, since `ace-freeze` would refuse
most of them. A lie counts as revealed when the verdict is the one named and rests on exactly the gates and rules
named (imported timings lack much else as well: there it is enough that the one named is among them).""".splitlines()

MEASURED_HEAD = """\
Written by `python -m tests.deceptions --end-to-end FOLDER`, with all of the above. Here nothing is simulated:
`launch.py` measures each candidate at 64x1 on the default model (2 cores of a shared virtual AMD EPYC, no GPU) into a
store of its own, the executors lie in a user's folder, and the rows say what `ace-decide` wrote into decision.json.
Each deception saves nothing, or conceals what it saves; it is measured in as many sessions as its rule needs (2, 5 or
10) and without rivals. None is registered, so honest controls end as EXPLORATORY at best: what counts is the answer of
their cell, from 8 sessions, and that no rule and no gate about measuring denies it.""".splitlines()


def interval(hits: int, trials: int) -> tuple[float, float]:
    """Of a rate, two-sided at 95 % (Clopper & Pearson 1934)."""
    tail = (1 - LEVEL) / 2
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high


def rate(hits: int, trials: int) -> str:
    low, high = interval(hits, trials)
    return f"{hits} of {trials} ({100 * hits / trials:.1f} %, 95 % interval {100 * low:.1f} to {100 * high:.1f} %)"


def endings(controls: Iterable[Control] = CONTROLS) -> Counter[Ending]:
    return Counter(map(ending_of, controls))


def summary() -> tuple[str, ...]:
    """The figures that README quotes."""
    found, warned = endings(), [case for case in CASES if case.only_warns]
    reached = found[Ending.REACHED] + found[Ending.BLOCKED]
    return (
        f"sensitivity: {rate(sum(map(is_revealed, DECEPTIONS)), len(DECEPTIONS))} deceptions are revealed, each by "
        "what is meant to reveal it",
        f"false alarms: {rate(found[Ending.BLOCKED], reached)} honest controls with a verdict got one that their truth "
        "denies",
        f"unresolved: {rate(found[Ending.UNRESOLVED], len(CONTROLS))} honest controls reach no verdict after one "
        "re-measurement",
        f"warnings: {sum(map(is_revealed, warned))} of {len(warned)} lies that leave the gain as it is carry the "
        "warning that is meant",
    )


def page(measured: list[str] | None = None) -> str:
    """The whole page. `measured`: rows of a new run end to end; None keeps those that are there."""
    return "\n".join((*_head(), *_deceptions(), *_controls(), *_end_to_end(measured))) + "\n"


def _head() -> Iterator[str]:
    yield "# Deceptions: what fools a benchmark, and what reveals it here"
    yield ""
    yield from HEAD
    yield ""
    yield from (f"- {line}" for line in summary())
    yield ""


def _deceptions() -> Iterator[str]:
    for subject, cases in SUBJECTS:
        yield f"## {subject}"
        yield ""
        yield "| case | the lie | revealed by | verdict |"
        yield "|---|---|---|---|"
        yield from map(_row, cases)
        yield ""


def _row(case: Case) -> str:
    verdict = f"{case.verdict}, with a warning" if case.only_warns else str(case.verdict)
    verdict += "" if case.scope == "speed" else f" ({case.scope})"
    mark = "" if is_revealed(case) else " **not so**"
    return f"| {case.name} | {case.what} | {', '.join(case.revealed_by)} | {verdict}{mark} |"


def _controls() -> Iterator[str]:
    yield "## Honest controls"
    yield ""
    yield f"{len(FAMILIES)} truths on {len(MODERATE)} machines of `tests/calibration/noise.py`, a seed each:"
    yield f"{', '.join(MODERATE)}."
    yield from AMONG_THEM
    yield ""
    yield "| family | must reach | reached | unresolved | blocked |"
    yield "|---|---|---|---|---|"
    for family in FAMILIES:
        found = endings(c for c in CONTROLS if c.family == family)
        counts = " | ".join(str(found[ending]) for ending in (Ending.REACHED, Ending.UNRESOLVED, Ending.BLOCKED))
        yield f"| {family.name} | {' or '.join(map(str, family.expected))} | {counts} |"
    yield ""
    open_ends = [(c, answer_to(c)) for c in CONTROLS if ending_of(c) is not Ending.REACHED]
    if open_ends:
        yield "Not reached:"
        yield ""
        for control, found in open_ends:
            why = sorted(found.culprits - {"frozen", "holdout", "validation", "gain", "overhead"})
            yield f"- {control.name}: {found.verdict}, by {', '.join(why) or 'the gain'}"
        yield ""


def _end_to_end(measured: list[str] | None) -> Iterator[str]:
    yield "## End to end"
    yield ""
    yield END_TO_END
    if measured is None:
        yield from _kept()
        return
    yield from MEASURED_HEAD
    yield ""
    yield from measured


def _kept() -> list[str]:
    """What stands below the mark was measured, and stays."""
    if not PAGE.exists() or END_TO_END not in (text := PAGE.read_text(encoding="utf-8")):
        return []
    return text.split(END_TO_END, 1)[1].strip("\n").splitlines()
