"""`memo.md`: the decision on one page, for whoever has to act on it.

What does not fit is counted and stands in `report.html`, which lies beside it; nothing is said here that is not said
there.
"""

from collections.abc import Collection, Iterable, Sequence

from ace.domain.decision import ESTIMAND, CellDecision, Decision
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import SPLITS
from ace.report import comparisons, explaining, large, trace, transferring
from ace.report.wording import (
    AXES,
    MEANING,
    ROOFLINE,
    axes_lines,
    calibration,
    code,
    fired,
    gain_text,
    headline,
    markdown,
    markdown_table,
    quality_text,
    roofline_text,
    scope_lines,
    tuning_text,
)

MOST_CELLS, MOST_LINES, MOST_GATES = 5, 3, 5
EVIDENCE = 200  # characters: a rule may name every session
HEAD = ("cell", "regime", "gain", "quality", "sessions", "baseline", "of roofline")
GATES_HEAD = ("gate", "outcome", "evidence", "next step")


def memo(decision: Decision) -> str:
    """Markdown text; everything that comes from a run is escaped."""
    parts = [_verdict(decision), _map(decision), _edges(decision), _travelled(decision), _beside(decision)]
    parts += [_gates(decision), _skeptic(decision), _origin(decision), _reproduce(decision)]
    return "\n".join(parts)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    return "\n".join([*markdown_table(head, rows), ""])


def _listed(lines: Sequence[str], most: int = MOST_LINES) -> list[str]:
    left = [f"- and {len(lines) - most} more in report.html"] if len(lines) > most else []
    return [*(f"- {markdown(line)}" for line in lines[:most]), *left]


def _clipped(text: str) -> str:
    return text if len(text) <= EVIDENCE else f"{text[:EVIDENCE].rstrip()} ..."


def _verdict(decision: Decision) -> str:
    planted = calibration(decision)
    scope = f"Experiment {markdown(decision.experiment)}, policy {markdown(decision.policy.name)}, scope speed. "
    lines = [
        f"# {decision.verdict.replace('_', ' ')}: {markdown(decision.label)}",
        "",
        f"{MEANING[decision.verdict]} {markdown(headline(decision))}",
        "",
        *([f"**{markdown(planted)}**", ""] if planted else []),
        *_listed([_clipped(reason) for reason in decision.claims.speed.reasons]),
        "",
        scope + markdown("Other scopes: " + "; ".join(scope_lines(decision)) + "."),
        "",
    ]
    return "\n".join(lines)


def _map(decision: Decision) -> str:
    """The cells that the claim is about first, of the split that tells most; the others are counted."""
    claimed = {key.removeprefix("development ") for key in decision.claims.speed.cells}
    shown = sorted(decision.cells, key=lambda cell: _rank(cell, claimed))[:MOST_CELLS]
    shown.sort(key=decision.cells.index)
    lines = [
        "## Where it helps",
        "",
        f"Gain: {ESTIMAND}, baseline over candidate; intervals hold for all cells of a split together. {ROOFLINE}",
        "",
    ]
    for split in dict.fromkeys(cell.split for cell in shown):
        own = [cell for cell in decision.cells if cell.split == split]
        counted = ", ".join(f"{n} {regime}" for regime, n in _counts(cell.regime for cell in own))
        lines += [f"{split}: {counted}", "", _table(HEAD, [_cell(cell) for cell in shown if cell.split == split])]
    if len(decision.cells) > MOST_CELLS:
        page = "" if large.is_large(decision) else "report.html and "
        lines += [f"{len(decision.cells) - MOST_CELLS} more cells are in {page}regime.csv.", ""]
    if axes := axes_lines(decision):
        lines += [f"{AXES}:", "", *_listed(axes), ""]
    return "\n".join(lines)


def _rank(cell: CellDecision, claimed: Collection[str]) -> tuple[bool, int]:
    return cell.cell.removeprefix(f"{cell.split} ") not in claimed, -SPLITS.index(cell.split)


def _counts(values: Iterable[str]) -> list[tuple[str, int]]:
    seen = list(values)
    return [(value, seen.count(value)) for value in dict.fromkeys(seen)]


def _cell(cell: CellDecision) -> tuple[str, ...]:
    baseline = "not measured" if cell.baseline_s is None else f"{1000 * cell.baseline_s:.2f} ms"
    key = cell.cell.removeprefix(f"{cell.split} ")
    return key, cell.regime, gain_text(cell), quality_text(cell), str(cell.sessions), baseline, roofline_text(cell)


def _edges(decision: Decision) -> str:
    command = decision.landscape.next_command
    next_lines = explaining.next_lines(decision)
    lines = ["## Where the gain begins and ends, and why", "", *_listed(explaining.edge_lines(decision))]
    lines += [*_listed(explaining.model_lines(decision)), "", "What to measure next:", "", *_listed(next_lines, 2), ""]
    return "\n".join([*lines, *([code(command), ""] if command else [])])


def _travelled(decision: Decision) -> str:
    found = transferring.transfer_lines(decision)
    lines = ["## From development to sealed documents", "", *_listed(found or [transferring.ONE_SPLIT])]
    return "\n".join([*lines, ""])


def _beside(decision: Decision) -> str:
    """What else would have given the gain; without a rival, the gate fairness below says so."""
    rows = comparisons.rival_rows(decision)
    if not rows:
        return ""
    whole = large.whole(decision)
    left = f"{len(rows) - MOST_CELLS} more rows are in {whole}.\n" if len(rows) > MOST_CELLS else ""
    return f"## Rivals\n\n{_table(comparisons.RIVALS_HEAD, rows[:MOST_CELLS])}{left}"


def _gates(decision: Decision) -> str:
    rows = trace.rows(decision.gates)
    passed = [row.name for row in rows if row.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE)]
    others = [(r.name, r.outcome, _clipped(r.evidence), r.next_step) for r in rows if r.name not in passed]
    lines = ["## Gates", "", f"Passed or not applicable: {markdown(', '.join(passed)) or 'none'}.", ""]
    if others:
        lines += [_table(GATES_HEAD, others[:MOST_GATES])]
    if len(others) > MOST_GATES:
        lines += [f"Open or failed too: {markdown(', '.join(row[0] for row in others[MOST_GATES:]))}.", ""]
    return "\n".join(lines)


def _skeptic(decision: Decision) -> str:
    told = [_doubt(finding) for finding in fired(decision)]
    silent = [row.name for row in trace.rows(decision.findings) if row.outcome is Outcome.NO_EVIDENCE]
    lines = ["## Skeptic", "", *(_listed(told) or ["No rule fires."])]
    lines += ["", f"Not looked for, or not everywhere: {markdown(', '.join(silent))}."] if silent else []
    return "\n".join([*lines, ""])


def _doubt(finding: Finding) -> str:
    step = f"; next: {finding.next_step}" if finding.next_step else ""
    return f"{finding.severity}, {finding.name}, {finding.cell or 'claim'}: {_clipped(finding.evidence)}{step}"


def _origin(decision: Decision) -> str:
    """Where the numbers come from, and how many attempts and looks there were."""
    rows = explaining.provenance_rows(decision)
    if not any(cell.energy and cell.energy.gain is not None for cell in decision.cells):
        rows = [row for row in rows if row[0] not in explaining.BETTER]  # nothing that could be better: see report.html
    graded = "; ".join(f"{kind}: {grade}" for kind, grade in rows)
    told = ", ".join(f"{n} {status}" for status, n in _counts(a.status for a in decision.attempts))
    text = f"In all {len(decision.attempts)} attempts: {told}; only finished ones are evidence. "
    text += f"Tuned in this experiment: {tuning_text(decision)}. " if decision.tuning else ""
    text += f"Looks at sealed documents known to the ledger: {len(decision.look_ledger)}."
    lines = ["## Provenance and energy, attempts and looks", "", markdown(graded) + ".", "", markdown(text), ""]
    if others := [a for a in decision.attempts if not a.used]:
        unused = [
            (a.run_id, a.status, a.cell or "unknown", a.problem or "not used: see the skeptic's conditions")
            for a in others[:MOST_LINES]
        ]
        lines += [_table(("run", "status", "cell", "why it is not on the map"), unused)]
    if len(others) > MOST_LINES:
        lines += [f"{len(others) - MOST_LINES} more are in {large.whole(decision)}.", ""]
    return "\n".join(lines)


def _reproduce(decision: Decision) -> str:
    environment = decision.environment
    place = (
        f"Measured on {environment.cpu_model}, {environment.cores} cores, {environment.device}, "
        f"{environment.threads} thread(s)."
        if environment
        else "No session was measured."
    )
    lines = [
        "## How to reproduce",
        "",
        markdown(place),
        "",
        *(code(command) for command in decision.reproduce),
        "",
        "Versions: " + markdown(", ".join(f"{name} {version}" for name, version in decision.versions)) + ".",
        "Hashes in SHA256SUMS prove that these files belong together, not who wrote them.",
        "",
    ]
    return "\n".join(lines)
