"""Gate guardrails: what a faster median may not cost, the slow tail and memory.

Per claimed cell, each within its margin by its bound. Memory is that of each arm alone in a process of its own.
"""

import math
from collections.abc import Iterator, Sequence

from ace.decide import commands
from ace.decide.asking import gate, named
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate
from ace.decide.series import arm_seconds
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.record import MemoryUse
from ace.domain.session import BASELINE, CANDIDATE
from ace.domain.wording import percent, percent_within
from ace.stats import quantile_gain

NAME = "guardrails"
TAIL = 0.9  # p99 would need 299 independent timings an arm
SEED = 0  # of the resampling: the same evidence gives the same bound


def guardrails(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """Tail latency and peak memory of each examined cell."""
    for cell in dossier.examined:
        yield tail_latency(cell, policy)
        yield from _memory(cell, policy.memory_margin)
    if not dossier.examined:
        tail, memory = 100 * policy.tail_margin, 100 * policy.memory_margin
        threshold = f"p90 latency within {tail:g} %, peak memory within {memory:g} %"
        yield gate(NAME, Outcome.NO_EVIDENCE, "no development cell was measured", threshold, "measure a cell")


def _again(cell: CellEstimate) -> str:
    return f"measure this cell once more: {commands.measure_again([cell.cell])}"


def tail_latency(cell: CellEstimate, policy: Policy) -> Finding:
    """Whether the slowest tenth of the candidate's calls is as fast, by a bound over sessions."""
    margin = policy.tail_margin
    threshold = f"p90 of the candidate at most {100 * margin:g} % above the baseline's, by its bound over sessions"
    seconds = arm_seconds(cell.cell.sessions, BASELINE, CANDIDATE)
    base, own = ([row[cell.own.cut_rounds :] for row in arm] for arm in seconds)
    found = quantile_gain(base, own, TAIL, seed=SEED, confidence=1 - 2 * cell.alpha) if base else None
    if found is None or len(base) < policy.min_sessions:
        shown = f"{len(base)} sessions; {policy.min_sessions} are needed for a bound of the p90"
        return gate(NAME, Outcome.NO_EVIDENCE, shown, threshold, _again(cell), cell.key)
    shown = f"p90 latency gains {percent_within(found.value, found.low, found.high)}"
    if found.low > -math.log1p(margin):
        return gate(NAME, Outcome.PASS, shown, threshold, cell=cell.key)
    outcome = Outcome.FAIL if found.high < -math.log1p(margin) else Outcome.NO_EVIDENCE
    return gate(NAME, outcome, shown, threshold, _again(cell), cell.key)


def _memory(cell: CellEstimate, margin: float) -> Iterator[Finding]:
    """Resident memory, and what was held on the board where the arms ran on one."""
    uses = [use for record in cell.cell.records for use in record.memory]
    yield _peak(cell, margin, "peak memory", [(u.arm, u.peak_bytes) for u in uses], uses)
    if any(session.environment.device != "cpu" for session in cell.cell.sessions):
        held = [(u.arm, u.device_peak_bytes) for u in uses]
        yield _peak(cell, margin, "peak memory of the board", held, uses)


def _peak(
    cell: CellEstimate, margin: float, what: str, peaks: Sequence[tuple[str, int | None]], uses: Sequence[MemoryUse]
) -> Finding:
    """The largest of the candidate's peaks against the smallest of the baseline's, over all measurements."""
    threshold = f"{what} of the candidate alone at most {100 * margin:g} % above the baseline's"
    base, own = ([peak for arm, peak in peaks if arm == name and peak] for name in (BASELINE, CANDIDATE))
    if not base or not own:
        why = named(sorted({u.reason for u in uses if u.reason})) or f"{what} was not measured"
        return gate(NAME, Outcome.NO_EVIDENCE, why, threshold, _again(cell), cell.key)
    ratio = math.log(max(own) / min(base))
    shown = f"{what} {percent(ratio)} ({max(own) / 1e6:.0f} MB, baseline {min(base) / 1e6:.0f} MB)"
    outcome = Outcome.PASS if ratio <= math.log1p(margin) else Outcome.FAIL
    step = "" if outcome is Outcome.PASS else "claim it where this memory can be spared, or make the candidate smaller"
    return gate(NAME, outcome, shown, threshold, step, cell.key)
