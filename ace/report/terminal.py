"""What the terminal prints of a decision: verdict, why, the map, each gate with its reason."""

from collections import Counter

from ace.domain.decision import ESTIMAND, Decision
from ace.domain.finding import Finding
from ace.report import large, trace
from ace.report.explaining import edge_lines
from ace.report.wording import MEANING, calibration, fired, gain_text, headline, plain, quality_text, scope_lines

MOST_EDGES = 6


def summary_lines(decision: Decision) -> list[str]:
    """Plain lines without control characters, for a terminal of any width."""
    lines = [
        f"{decision.verdict}  {decision.label}  (experiment {decision.experiment})",
        f"  {MEANING[decision.verdict]}",
    ]
    lines += [f"  {text}" for text in (calibration(decision), headline(decision)) if text]
    lines += [f"  because {reason}" for reason in decision.claims.speed.reasons]
    lines += [f"  scope {line}" for line in scope_lines(decision) if "no evidence" not in line]
    lines += ["", f"cells (gain is the {ESTIMAND}; intervals hold for all cells of a split together)"]
    lines += _cells(decision)
    lines += _landscape(decision)
    lines += ["", "gates"]
    for row in trace.rows(decision.gates):
        lines.append(f"  {row.name:<12} {row.outcome:<14} {row.evidence}")
        if row.next_step != trace.NOTHING:
            lines.append(f"{'':<30}next: {row.next_step}")
    doubts = fired(decision)
    lines += ["", "skeptic" if doubts else "skeptic: no rule fires"]
    lines += [line for row in trace.rows(doubts) for line in _doubt(row.findings)]
    return [plain(line) for line in lines]


def _cells(decision: Decision) -> list[str]:
    """One line a cell; of a large map how many there are of each regime, and some of them."""
    shown = large.spread(decision.cells, large.NAMED) if large.is_large(decision) else decision.cells
    width = max((len(cell.cell) for cell in shown), default=0)
    lines = [
        f"  {cell.cell:<{width}}  {cell.regime:<10}  {gain_text(cell)}, quality {quality_text(cell)}" for cell in shown
    ]
    if len(shown) == len(decision.cells):
        return lines
    counted = Counter((cell.split, cell.regime) for cell in decision.cells)
    counts = [f"  {split}: {number} {regime}" for (split, regime), number in counted.items()]
    return [*counts, f"  {len(shown)} of them, evenly spread; all are in regime.csv:", *lines]


def _landscape(decision: Decision) -> list[str]:
    """Where the gain begins and ends, and the command that would tell more; nothing for a map of one cell."""
    found = decision.landscape
    edges = edge_lines(decision)
    lines = [f"  {line}" for line in edges[:MOST_EDGES]] if found.breakpoints or found.holes else []
    if len(edges) > MOST_EDGES:
        lines.append(f"  and {len(edges) - MOST_EDGES} more in memo.md")
    if found.next_command:
        lines.append(f"  measure next: {', '.join(cell.cell for cell in found.next_cells)}")
        lines.append(f"    {found.next_command}")
    return ["", "where the gain begins and ends", *lines] if lines else []


def _doubt(findings: tuple[Finding, ...]) -> list[str]:
    """One rule: where it fires, and what to do about it."""
    first = findings[0]
    places = list(dict.fromkeys(f.cell for f in findings if f.cell))  # a rule may fire for two reasons in a cell
    more = f" (and {len(places) - 1} more cells)" if len(places) > 1 else ""
    place = f" {first.cell}" if first.cell else ""
    told = [f"  {first.severity:<12} {first.name}{place}: {first.evidence}{more}"]
    return told + ([f"{'':<15}next: {first.next_step}"] if first.next_step else [])
