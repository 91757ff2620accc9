"""From timings to one number per session: cut, pair, trim; and whether that number stood still.

The session statistic estimates the steady-state median ratio.  First step of `compare`, `compare_cells` and
`compare_sequential`; what is found here may forbid an answer (reasons) or accompany it (notes).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ace.stats import student
from ace.stats.intake import FloatArray
from ace.stats.robust import MEDIAN, trimmed_mean
from ace.stats.warmup import find_warm_up

BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]

MIN_SESSIONS = 6
MIN_BLOCKS = 2
UNSTEADY_CHANCE = 0.05  # two-sided level of the steadiness guard
NOT_STEADY = "not steady"
ALTERNATING = "alternating"  # processes of one arm each took turns: there are no blocks within them
STILL = 1e-9  # session gains that differ by less come from a clock or a copy, not from a machine
FAR = 3.0  # Tukey's outer fence, in interquartile ranges


@dataclass(frozen=True, slots=True)
class Evidence:
    """One cell before inference: `gains` (sessions,) or empty, what forbids an answer, what only accompanies it."""

    sessions: int
    gains: FloatArray
    cut_rounds: int
    reasons: tuple[str, ...]
    notes: tuple[str, ...]


def gather(pairs: Sequence[tuple[FloatArray, FloatArray]], margin: float, order: str) -> list[Evidence]:
    """Evidence of each cell from the logs of its arms, in the same order; cells of one shape are worked together."""
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, (baseline, _) in enumerate(pairs):
        groups[baseline.shape].append(index)
    evidence: dict[int, Evidence] = {}
    for members in groups.values():
        baseline = np.stack([pairs[i][0] for i in members])
        candidate = np.stack([pairs[i][1] for i in members])
        evidence.update(zip(members, _gather_alike(baseline, candidate, margin, order), strict=True))
    return [evidence[index] for index in range(len(pairs))]


def _gather_alike(baseline: FloatArray, candidate: FloatArray, margin: float, order: str) -> Iterable[Evidence]:
    """(cells, sessions, rounds) twice -> one Evidence a cell."""
    warm_up = find_warm_up(baseline, candidate)
    for_cell: dict[int, Evidence] = {}
    for cut in set(warm_up.rounds.tolist()):
        chosen = np.flatnonzero(warm_up.rounds == cut)
        settled = warm_up.settled[chosen]
        kept = _after_cut(baseline[chosen], candidate[chosen], settled, cut, margin, order)
        for_cell.update(zip(chosen, kept, strict=True))
    return (for_cell[cell] for cell in range(len(baseline)))


def _after_cut(
    baseline: FloatArray, candidate: FloatArray, settled: BoolArray, cut: int, margin: float, order: str
) -> Iterable[Evidence]:
    """Evidence from what is left after the cut.  (cells, sessions, rounds) twice, one cut for all."""
    cells, sessions, rounds = baseline.shape
    paired = order != ALTERNATING  # arms in different processes share an index, not a moment
    whole = rounds - rounds % 2 if paired else rounds
    b, c = baseline[..., cut:whole], candidate[..., cut:whole]
    if whole == 0:
        return [Evidence(sessions, np.empty(0), cut, too_little(sessions, 0, order), ())] * cells
    ratios = b - c
    gains = trimmed_mean(ratios) if paired else trimmed_mean(b) - trimmed_mean(c)
    alike = still(gains)
    wanting = too_little(sessions, (whole - cut) // 2, order)
    found = (
        (NOT_STEADY, unsteady(ratios, margin) | ~settled),
        ("the sign turns if the warm-up cut is undone", turns(gains, (baseline - candidate)[..., :whole], cut)),
        ("sessions do not vary: a clock too coarse, or copied values", alike),
        ("sessions are copies of each other", ~alike & _copied_sessions(b, c)),
    )
    far = _far_timings(np.stack([b, c])).sum(axis=0)
    notes = _trimmings(cut, rounds)
    return (
        Evidence(
            sessions,
            gains[i],
            cut,
            (*wanting, *(reason for reason, holds in found if holds[i])),
            (*notes, *((f"{counted(int(far[i]), 'outlying timing')}, kept",) if far[i] else ())),
        )
        for i in range(cells)
    )


def too_little(sessions: int, blocks: int, order: str) -> tuple[str, ...]:
    """What is missing before any statistic may answer."""
    reasons = []
    if order == "blocked":
        reasons.append("blocked order: drift and candidate cannot be told apart")
    if order == "unknown":
        reasons.append("order unknown: drift and candidate cannot be told apart")
    if sessions < MIN_SESSIONS:
        reasons.append(f"{counted(sessions, 'session')}; {MIN_SESSIONS} needed")
    if blocks < MIN_BLOCKS and order != ALTERNATING:
        reasons.append(f"{counted(blocks, 'whole block')} kept; {MIN_BLOCKS} needed")
    return tuple(reasons)


def counted(number: int, noun: str) -> str:
    """`1 session`, `2 sessions`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def unsteady(ratios: FloatArray, margin: float) -> BoolArray:
    """Whether the paired ratio moves from first to last third beyond chance and margin.  (cells, sessions, kept)."""
    cells, sessions, kept = ratios.shape
    blocks = kept // 2
    if sessions < 2 or blocks < MIN_BLOCKS:
        return np.zeros(cells, dtype=bool)
    third = 2 * max(1, round(blocks / 3))  # rounds, whole blocks
    move = trimmed_mean(ratios[..., -third:]) - trimmed_mean(ratios[..., :third])  # (cells, sessions)
    error = move.std(axis=1, ddof=1) / np.sqrt(sessions)
    chance = student.critical(sessions - 1, UNSTEADY_CHANCE) * error
    moved: BoolArray = np.abs(move.mean(axis=1)) > np.maximum(chance, np.log1p(margin))
    return moved


def turns(gains: FloatArray, uncut: FloatArray, cut: int) -> BoolArray:
    """Whether gains and the median rounds of uncut sessions disagree, both beyond chance.  (cells, sessions, ...)."""
    cells, sessions = gains.shape
    if not cut or sessions < 2:
        return np.zeros(cells, dtype=bool)
    medians = trimmed_mean(uncut, MEDIAN)
    critical = student.critical(sessions - 1, UNSTEADY_CHANCE)
    opposed: BoolArray = np.sign(medians.mean(axis=1)) * np.sign(gains.mean(axis=1)) < 0
    for claim in (medians, gains):
        opposed &= np.abs(claim.mean(axis=1)) > critical * claim.std(axis=1, ddof=1) / np.sqrt(sessions)
    return opposed


def still(gains: FloatArray) -> BoolArray:
    """Whether the sessions of a cell are the same number to any real clock.  (cells, sessions) -> (cells,)."""
    alike: BoolArray = gains.max(axis=1) - gains.min(axis=1) < STILL
    return alike if gains.shape[1] > 1 else np.zeros_like(alike)


def _copied_sessions(b: FloatArray, c: FloatArray) -> BoolArray:
    """Whether two sessions of a cell are the same numbers: one trial copied is one trial."""
    first = np.sort(b[..., 0], axis=-1)
    suspects: BoolArray = (first[:, 1:] == first[:, :-1]).any(axis=-1)  # cheap: only these are compared in full
    for cell in np.flatnonzero(suspects):
        rows = np.concatenate([b[cell], c[cell]], axis=1)
        suspects[cell] = len(np.unique(rows, axis=0)) < len(rows)
    return suspects


def _far_timings(log_times: FloatArray) -> IntArray:
    """How many timings lie beyond Tukey's outer fence of their session: labelled, never removed.  (..., n, rounds)."""
    ordered = np.sort(log_times, axis=-1)
    n = ordered.shape[-1]
    low, high = ordered[..., n // 4, None], ordered[..., n - 1 - n // 4, None]
    reach = FAR * (high - low)
    far: IntArray = ((log_times < low - reach) | (log_times > high + reach)).sum(axis=(-2, -1))
    return far


def _trimmings(cut: int, rounds: int) -> tuple[str, ...]:
    notes = []
    if cut:
        notes.append(f"warm-up: the first {cut} rounds cut")
    if rounds % 2:
        notes.append("the last round has no partner of opposite order and is left out")
    return tuple(notes)
