"""`docs/studies/token_pruning.md`: what the decisions of the study say, beside what an earlier framework had said.

Written by `benchmarks.study`. Every number comes from a decision; nothing is typed by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ace.domain.consensus import Consensus
from ace.domain.decision import CellDecision, Decision
from ace.domain.finding import Outcome, Severity
from ace.domain.plan import DEVELOPMENT, HOLDOUT, SPLITS, VALIDATION, Shape
from ace.domain.verdict import Regime
from ace.report.consensus import consensus_text
from ace.report.explaining import edge_lines, model_lines
from ace.report.transferring import transfer_lines
from ace.report.wording import MEANING, axes_lines, fired, gain_text, headline, markdown, markdown_table, quality_text

BEFORE = {
    **{(n, b): Regime.POSITIVE for n in (16, 32, 64, 128, 256) for b in (1, 2, 3, 4)},
    **dict.fromkeys(((384, 1), (384, 2), (512, 1)), Regime.EDGE),
    **dict.fromkeys(((128, 6), (384, 3), (512, 2)), Regime.BOUNDARY),
}
"""The earlier regime table; what it called beyond these was collapse."""
HOLDS, DIFFERS, UNSAID = "holds", "does not hold", "cannot be said"
MAIN = "token_pruning"
HISTORY = ("minute", "what", "sessions", "a timing lasts at least", "rivals")
SETTLED = (Outcome.PASS, Outcome.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class Planned:
    """Cells that were to be measured, whether or not they were, and the command of one of them (N tokens, batch B)."""

    experiment: str
    split: str
    shapes: tuple[Shape, ...]
    command: str


def earlier(seq_len: int, batch: int) -> Regime:
    """What the earlier framework said of a shape."""
    return BEFORE.get((seq_len, batch), Regime.COLLAPSE)


def compared(cell: CellDecision, decision: Decision) -> tuple[str, str]:
    """Whether what was said of a cell holds on this machine, and why."""
    before = earlier(cell.seq_len, cell.batch)
    if cell.regime is Regime.UNRESOLVED:
        doubts = [f for f in fired(decision) if f.cell == cell.cell and f.severity is Severity.DOWNGRADE]
        rules = [f"{f.name}: {f.evidence}" for f in doubts]
        return UNSAID, "; ".join([*cell.reasons, *rules]) or f"quality {quality_text(cell)}"
    if cell.regime is before:
        return HOLDS, ""
    return DIFFERS, f"it is {cell.regime}: gain {gain_text(cell)}, quality {quality_text(cell)}"


def study_page(
    decisions: Mapping[str, Decision],
    before: Decision,
    planned: Sequence[Planned],
    loads: Sequence[float],
    history: Sequence[tuple[str, ...]],
    agreed: Consensus | None,
) -> str:
    """Markdown text. `decisions`: by experiment, that of token_pruning among them. `before`: that one as it stood
    before a claim was registered. `loads`: load averages of the machine, one a session. `history`: rows of HISTORY.
    `agreed`: what members that cover the whole map say together, None where only one does."""
    main = decisions[MAIN]
    parts = [_head(main, planned), _beside(main, planned), _splits(main), _confirmed(before, main, planned), _why(main)]
    parts += [_member(name, decision, planned) for name, decision in decisions.items() if name != MAIN]
    unmeasured = [name for name in dict.fromkeys(part.experiment for part in planned) if name not in decisions]
    parts += [f"## {name}\n\nNo cell was measured.\n" for name in unmeasured]
    parts += [consensus_section(agreed)] if agreed is not None else []
    return "\n".join([*parts, _measured_on(main, planned, loads), _in_order(history), _checked(main)])


def _head(decision: Decision, planned: Sequence[Planned]) -> str:
    place = decision.environment
    where = f"{place.cpu_model}, {place.cores} cores, {place.threads} thread(s)" if place else "not known"
    said = f"**{decision.verdict.replace('_', ' ')}**: {MEANING[decision.verdict]} {markdown(headline(decision))}"
    reasons = [f"- {markdown(reason)}" for reason in decision.claims.speed.reasons]
    lines = ["# Token pruning: where it helps", "", said, "", *reasons, "", *_extent(decision, planned)]
    lines += [f"{markdown(decision.label)}, measured on {markdown(where)}.", "", "A reader's first command:", ""]
    return "\n".join([*lines, verifying(MAIN), ""])


def verifying(experiment: str) -> str:
    """The line that judges the evidence of an experiment again."""
    return f"    ace-verify docs/studies/{experiment}.zip"


def consensus_section(agreed: Consensus) -> str:
    """All that `ace-decide --consensus` would write, as a section of a page."""
    lines = consensus_text(agreed).splitlines()
    return "\n".join([*(f"#{line}" if line.startswith("#") else line for line in lines), ""])


def _beside(decision: Decision, planned: Sequence[Planned]) -> str:
    """The earlier table, cell by cell."""
    cells = [cell for cell in decision.cells if cell.split == DEVELOPMENT]
    rows, counts = [], dict.fromkeys((HOLDS, DIFFERS, UNSAID), 0)
    for cell in cells:
        answer, why = compared(cell, decision)
        counts[answer] += 1
        now = (cell.regime, gain_text(cell), quality_text(cell))
        rows.append((f"{cell.seq_len}x{cell.batch}", earlier(cell.seq_len, cell.batch), *now, answer, why))
    told = ", ".join(f"{count} {answer}" for answer, count in counts.items())
    head = ("cell", "said before", "here", "gain", "quality", "what was said", "why")
    note = (
        "An earlier framework had named regimes by shape, measured on another machine against one hard-coded baseline. "
        "Regimes here are those of simultaneous bands on development; a different regime on this machine does not say "
        "that the earlier one was wrong on its own."
    )
    counted = f"{len(cells)} cells: {told}.{_lacking(decision, planned)}"
    return "\n".join(["## Beside the earlier table", "", note, "", counted, "", _table(head, rows)])


def _lacking(decision: Decision, planned: Sequence[Planned]) -> str:
    """Development cells that were planned and are not there, by name."""
    asked, absent = _asked_and_absent(decision, planned)
    many = len({(shape.hidden, shape.depth) for shape in asked}) > 1
    names = [f"{shape} h{shape.hidden} d{shape.depth}" if many else str(shape) for shape in absent]
    return f" Planned and not measured: {', '.join(names)}." if names else ""


def _extent(decision: Decision, planned: Sequence[Planned]) -> list[str]:
    """How much of the map there is, before anything is read out of it."""
    asked, absent = _asked_and_absent(decision, planned)
    if not absent:
        return []
    told = f"{len(asked) - len(absent)} of the {len(asked)} planned cells of the map were measured"
    return [f"The study was ended early: {told}. Nothing is said of the others.", ""]


def _asked_and_absent(decision: Decision, planned: Sequence[Planned]) -> tuple[list[Shape], list[Shape]]:
    there = {cell.shape for cell in decision.cells if cell.split == DEVELOPMENT}
    mine = [part for part in planned if (part.experiment, part.split) == (decision.experiment, DEVELOPMENT)]
    asked = list(dict.fromkeys(shape for part in mine for shape in part.shapes))
    return asked, [shape for shape in asked if shape not in there]


def _splits(decision: Decision) -> str:
    held = {cell.shape for cell in decision.cells if cell.split != DEVELOPMENT}
    rows = []
    for shape in sorted(held, key=lambda s: (s.seq_len, s.batch)):
        by_split = {cell.split: cell for cell in decision.cells if cell.shape == shape}
        rows.append((str(shape), *(gain_text(by_split[s]) if s in by_split else "not measured" for s in SPLITS)))
    if not rows:
        return "## On other documents\n\nNo cell was measured on other documents.\n"
    lines = ["## On other documents", "", _table(("cell", *SPLITS), rows)]
    lines += [f"- {markdown(line)}" for line in transfer_lines(decision)]
    opened = any(cell.split == HOLDOUT for cell in decision.cells)
    return "\n".join([*lines, *([] if opened else ["", "The holdout was not opened."]), ""])


def _confirmed(before: Decision, after: Decision, planned: Sequence[Planned]) -> str:
    """The cells named beforehand: whether each was registered, and what kept it from that."""
    named = dict.fromkeys(s for part in planned if part.split == VALIDATION for s in part.shapes)
    opened = {cell.shape for cell in after.cells if cell.split == HOLDOUT}
    rows = []
    for shape in named:
        at = {cell.split: cell for cell in before.cells if cell.shape == shape}
        told = [f"it was not measured on {split}" for split in (DEVELOPMENT, VALIDATION) if split not in at]
        if DEVELOPMENT in at and at[DEVELOPMENT].regime is not Regime.POSITIVE:
            told.append(f"it is {at[DEVELOPMENT].regime} on development")
        keys = {cell.cell for split, cell in at.items() if split != HOLDOUT}
        against = [f for f in before.gates if f.cell in keys and f.outcome not in SETTLED]
        told += [f"{f.name} ({f.cell}) {f.outcome}: {f.evidence}" for f in against]
        rows.append((str(shape), "yes" if shape in opened else "no", "; ".join(told) or "nothing"))
    if not rows:
        return ""
    note = "Cells named before anything was measured, and what stands against registering each."
    if after.registration is not None:
        note += f" The registration that was made is {after.registration}."
    head = ("cell", "opened on sealed documents", "what stood against it")
    return "\n".join(["## The confirmed cells", "", note, "", _table(head, rows)])


def _why(decision: Decision) -> str:
    lines = [*edge_lines(decision), *axes_lines(decision), *model_lines(decision)]
    return "\n".join(["## Where it begins and ends, and why", "", *(f"- {markdown(line)}" for line in lines), ""])


def _member(name: str, decision: Decision, planned: Sequence[Planned]) -> str:
    """Another experiment of the study: its map in one table."""
    cells = [cell for cell in decision.cells if cell.split == DEVELOPMENT]
    rows = [(c.cell.removeprefix("development "), c.regime, gain_text(c), quality_text(c)) for c in cells]
    axes = [f"- {markdown(line)}" for line in axes_lines(decision)]
    said = (
        f"{decision.verdict}: {markdown(decision.label)}. {markdown(headline(decision))}{_lacking(decision, planned)}"
    )
    reasons = [f"- {markdown(reason)}" for reason in decision.claims.speed.reasons]
    evidence = ["", "Its evidence:", "", verifying(name), ""]
    table = _table(("cell", "regime", "gain", "quality"), rows)
    return "\n".join([f"## {name}", "", said, "", *reasons, *evidence, table, *axes, ""])


def _measured_on(decision: Decision, planned: Sequence[Planned], loads: Sequence[float]) -> str:
    """Machine, versions, protocol: the command of each part holds all that was set."""
    place = decision.environment
    lines = ["## What it was measured with", ""]
    if place is not None:
        versions = ", ".join(f"{name} {version}" for name, version in decision.versions)
        lines.append(
            f"- {markdown(place.cpu_model)}, {place.cores} cores, {place.threads} thread(s) a session, {place.device}"
        )
        lines += [f"- kernel {markdown(place.kernel)}; {markdown(versions)}"]
    if loads:
        busy = f"median {median(loads):.1f}, from {min(loads):.1f} to {max(loads):.1f}"
        lines.append(f"- load average as sessions began: {busy}; beyond the number of cores other work was waiting")
    used = sum(attempt.used for attempt in decision.attempts)
    lines.append(f"- {len(decision.attempts)} attempts at cells of {MAIN}, {used} of them in the map")
    lines += ["", "One run a cell, N tokens and batch B:", ""]
    return "\n".join([*lines, *dict.fromkeys(f"    {part.command}" for part in planned), ""])


def _in_order(history: Sequence[tuple[str, ...]]) -> str:
    note = (
        "All that was measured for this claim, in order, failures too. A second measurement of a cell at once after "
        "its first is the launcher's own: it follows where the first left the cell open, and both count."
    )
    return "\n".join(["## In the order of time", "", note, "", _table(HISTORY, list(history))]) if history else ""


def _checked(decision: Decision) -> str:
    commands = [f"    {command}" for command in decision.reproduce]
    lines = ["## How to measure it again", "", "    python -m benchmarks.study", "", "or by hand:", ""]
    return "\n".join([*lines, *commands, ""])


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join([*markdown_table(map(markdown, head), rows), ""])
