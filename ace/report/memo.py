"""`memo.md`: the decision on one page, for whoever has to act on it."""

from collections.abc import Iterable

from ace.domain.decision import ESTIMAND, CellDecision, Decision
from ace.report import comparisons, explaining, trace
from ace.report.wording import (
    AXES,
    MEANING,
    REGIME_MEANING,
    ROOFLINE,
    axes_lines,
    calibration,
    code,
    fired,
    gain_text,
    headline,
    markdown,
    quality_text,
    roofline_text,
    scope_lines,
    tuning_text,
)

MOST_ATTEMPTS = 20
MOST_CELLS = 60
HEAD = ("cell", "regime", "gain", "quality", "sessions", "baseline", "of roofline")


def memo(decision: Decision) -> str:
    """Markdown text; everything that comes from a run is escaped."""
    parts = [_verdict(decision), _map(decision), _edges(decision), _why(decision), _beside(decision)]
    parts += [_gates(decision), _skeptic(decision), _provenance(decision), _attempts(decision)]
    return "\n".join([*parts, _reproduce(decision)])


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return "\n".join([*lines, *("| " + " | ".join(markdown(cell) for cell in row) + " |" for row in rows), ""])


def _verdict(decision: Decision) -> str:
    planted = calibration(decision)
    lines = [
        f"# {decision.verdict.replace('_', ' ')}: {markdown(decision.label)}",
        "",
        f"{MEANING[decision.verdict]} {markdown(headline(decision))}",
        "",
        *([f"**{markdown(planted)}**", ""] if planted else []),
        "Why:",
        "",
        *(f"- {markdown(reason)}" for reason in decision.claims.speed.reasons),
        "",
        f"Experiment {markdown(decision.experiment)}, policy {markdown(decision.policy.name)}, scope speed.",
        "Other scopes:",
        "",
        *(f"- {markdown(line)}" for line in scope_lines(decision)),
        "",
    ]
    return "\n".join(lines)


def _map(decision: Decision) -> str:
    lines = [
        "## Where it helps",
        "",
        f"Gain: {ESTIMAND}, baseline over candidate; intervals hold for all cells of a split together. {ROOFLINE}",
        "",
    ]
    for split in dict.fromkeys(cell.split for cell in decision.cells):
        cells = [cell for cell in decision.cells if cell.split == split]
        lines += [
            f"### {split}",
            "",
            _table(HEAD, map(_cell, cells[:MOST_CELLS])),
        ]
        if len(cells) > MOST_CELLS:
            lines += [f"{len(cells) - MOST_CELLS} more cells are in regime.csv.", ""]
    seen = dict.fromkeys(cell.regime for cell in decision.cells)
    lines += [f"- {regime}: {REGIME_MEANING[regime]}" for regime in seen]
    if axes := axes_lines(decision):
        lines += ["", f"{AXES}:", "", *(f"- {line}" for line in axes)]
    return "\n".join([*lines, ""])


def _edges(decision: Decision) -> str:
    command = decision.landscape.next_command
    edges = explaining.edge_lines(decision)
    lines = ["## Where the gain begins and ends", "", *_listed(edges[:MOST_CELLS])]
    lines += [f"- {len(edges) - MOST_CELLS} more are in report.html"] if len(edges) > MOST_CELLS else []
    lines += ["", "What to measure next:", "", *_listed(explaining.next_lines(decision)), ""]
    return "\n".join([*lines, *([code(command), ""] if command else [])])


def _listed(lines: Iterable[str]) -> list[str]:
    return [f"- {markdown(line)}" for line in lines]


def _why(decision: Decision) -> str:
    lines = ["## Why", "", *_listed(explaining.model_lines(decision)), "", explaining.EXPLAINED, ""]
    rows = explaining.mechanism_rows(decision)
    left = f"{len(rows) - MOST_CELLS} more cells are in decision.json.\n" if len(rows) > MOST_CELLS else ""
    return "\n".join([*lines, _table(explaining.MECHANISM_HEAD, rows[:MOST_CELLS]), left])


def _provenance(decision: Decision) -> str:
    return "\n## Provenance and energy\n\n" + _table(("numbers", "grade"), explaining.provenance_rows(decision))


def _cell(cell: CellDecision) -> tuple[str, ...]:
    baseline = "not measured" if cell.baseline_s is None else f"{1000 * cell.baseline_s:.2f} ms"
    key = cell.cell.removeprefix(f"{cell.split} ")
    return key, cell.regime, gain_text(cell), quality_text(cell), str(cell.sessions), baseline, roofline_text(cell)


def _beside(decision: Decision) -> str:
    """What the gain costs in quality, and what else would have given it."""
    text = ""
    for title, head, rows in comparisons.tables(decision):
        text += f"## {title}\n\n{_table(head, rows[:MOST_CELLS])}\n"
        if len(rows) > MOST_CELLS:
            text += f"{len(rows) - MOST_CELLS} more rows are in decision.json.\n\n"
    return text


def _gates(decision: Decision) -> str:
    rows = [(r.name, r.outcome, r.evidence, r.threshold, r.next_step) for r in trace.rows(decision.gates)]
    return "## Gates\n\n" + _table(("gate", "outcome", "evidence", "threshold", "next step"), rows)


def _skeptic(decision: Decision) -> str:
    doubts = fired(decision)
    text = "## Skeptic\n\n"
    if doubts:
        rows = [(f.severity, f.name, f.cell or "claim", f.evidence, f.threshold, f.next_step) for f in doubts]
        text += _table(("severity", "rule", "cell", "evidence", "threshold", "next step"), rows)
    else:
        text += "No rule fires.\n"
    silent = [row.name for row in trace.rows(decision.findings) if row.outcome == "NO_EVIDENCE"]
    return text + (f"\nNot looked for, or not everywhere: {', '.join(silent)}.\n" if silent else "")


def _attempts(decision: Decision) -> str:
    counts = [a.status for a in decision.attempts]
    told = ", ".join(f"{counts.count(status)} {status}" for status in dict.fromkeys(counts))
    text = f"## Attempts and looks\n\nIn all {len(counts)}: {markdown(told)}. Only finished ones are evidence.\n"
    text += f"\nTuned in this experiment: {markdown(tuning_text(decision))}.\n" if decision.tuning else ""
    text += f"\nLooks at sealed documents known to the ledger: {len(decision.look_ledger)}.\n"
    others = [a for a in decision.attempts if not a.used][:MOST_ATTEMPTS]
    if others:
        rows = [
            (a.run_id, a.status, a.cell or "unknown", a.problem or "not used: see the skeptic's conditions")
            for a in others
        ]
        text += "\n" + _table(("run", "status", "cell", "why it is not on the map"), rows)
    return text


def _reproduce(decision: Decision) -> str:
    environment = decision.environment
    place = (
        f"Measured on {environment.cpu_model}, {environment.cores} cores, {environment.device}, "
        f"{environment.threads} thread(s)."
        if environment
        else "No session was measured."
    )
    lines = [
        "",
        "## How to reproduce",
        "",
        markdown(place),
        "",
        *(code(command) for command in decision.reproduce),
        "",
        "Versions: " + markdown(", ".join(f"{name} {version}" for name, version in decision.versions)) + ".",
        "",
        "Hashes in SHA256SUMS prove that these files belong together, not who wrote them.",
        "",
    ]
    return "\n".join(lines)
