"""What stands beside a gain: the quality of every cell, and how its rivals did, as rows of text for memo and page."""

from ace.domain.answers import QualityAnswer, SimilarityAnswer
from ace.domain.decision import CellDecision, Decision
from ace.domain.wording import percent, points_within
from ace.report.power import power_tables

QUALITY_HEAD = ("cell", "score", "baseline", "candidate", "difference", "n", "worst part", "cosine", "numbers")
RIVALS_HEAD = (
    "cell",
    "rival",
    "role",
    "gain over the baseline",
    "the candidate's gain on it",
    "quality",
    "the candidate's quality against it",
)
MEMORY_HEAD = ("cell", "baseline", "candidate", "baseline over candidate", "processes an arm")
BENCHMARKS_HEAD = ("split", "benchmark", "task", "metric", "licence")


def tables(decision: Decision) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Title, head and rows of each table that has any."""
    asked = [(b.split, b.name, b.task, b.metric, b.licence) for b in decision.benchmarks]
    made = [
        ("Quality", QUALITY_HEAD, quality_rows(decision)),
        ("Rivals", RIVALS_HEAD, rival_rows(decision)),
        ("Memory", MEMORY_HEAD, memory_rows(decision)),
        *power_tables(decision),
        ("Benchmarks", BENCHMARKS_HEAD, [tuple(text or "not said" for text in row) for row in asked]),
    ]
    return [table for table in made if table[2]]


def quality_rows(decision: Decision) -> list[tuple[str, ...]]:
    """One row a scored benchmark of a cell, under QUALITY_HEAD."""
    rows: list[tuple[str, ...]] = []
    for cell in decision.cells:
        if found := cell.quality:
            scores = (f"{100 * found.baseline:.1f}", f"{100 * found.candidate:.1f}")
            told = (f"{points_within(found.difference, found.low, found.high)} {found.outcome}", str(found.n))
            beside = (_worst(found), f"{found.cosine:.3f}", _numbers(found))
            rows.append((cell.cell, found.metric, *scores, *told, *beside))
        rows += [_further(cell, found) for found in cell.further]
    return rows


def _worst(found: QualityAnswer) -> str:
    if found.worst is None:
        return "no parts"
    worst = found.worst
    points = f"{100 * worst.difference:+.1f} points, at most {100 * worst.ucb:+.1f}"
    return f"{worst.name}: {points} (n={worst.n}, of {found.parts} parts)"


def _numbers(found: QualityAnswer) -> str:
    """How nearly the same outputs are."""
    if (seen := found.numbers) is None:
        return "not compared"
    errors = f"relative error up to {seen.relative_error:.1e}, median {seen.ulps:.3g} ULP of {seen.dtype}"
    return f"{errors}; same class {100 * seen.same_answer:.1f} %"


def _further(cell: CellDecision, found: SimilarityAnswer) -> tuple[str, ...]:
    if found.difference is None or found.lcb is None or found.ucb is None:
        return (cell.cell, found.benchmark, *[""] * 2, f"not scored: {found.reason}", *[""] * 4)
    bounds = f"{found.difference:+.3f} [{found.lcb:+.3f}, {found.ucb:+.3f}] {found.outcome}"
    arms = (f"{found.baseline:.3f}", f"{found.candidate:.3f}")
    return (cell.cell, found.benchmark, *arms, bounds, str(found.documents), *[""] * 3)


def rival_rows(decision: Decision) -> list[tuple[str, ...]]:
    """One row a rival of a cell, under RIVALS_HEAD."""
    return [
        (
            cell.cell,
            rival.name,
            rival.role,
            rival.failure or _between(rival.low, rival.high),
            _between(rival.ahead_low, rival.ahead_high),
            _points(rival.quality),
            _points(rival.against),
        )
        for cell in decision.cells
        for rival in cell.rivals
    ]


def memory_rows(decision: Decision) -> list[tuple[str, ...]]:
    """One row a cell whose arms were each measured alone, under MEMORY_HEAD."""
    return [
        (
            cell.cell,
            f"{found.baseline_bytes / 1e6:.0f} MB",
            f"{found.candidate_bytes / 1e6:.0f} MB",
            _between(found.low, found.high),
            str(found.processes),
        )
        for cell in decision.cells
        if (found := cell.memory) is not None
    ]


def _between(low: float | None, high: float | None) -> str:
    return "not timed" if low is None or high is None else f"{percent(low)} to {percent(high)}"


def _points(found: QualityAnswer | None) -> str:
    return "not scored" if found is None else points_within(found.difference, found.low, found.high)
