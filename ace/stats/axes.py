"""Which axes of a sweep matter: what doubling one of them changes, averaged over the grid that was measured.

Used by `judge` for gains and for the baseline's time.  The slopes are contrasts of cell means (analysis of variance
with the measured cells as fixed effects: Fisher 1925), so they speak of these cells and of no others; their error comes
from sessions, with Welch's (1947) degrees of freedom because cells differ in spread. Shares of the variation carry
intervals too: an axis that seems to explain a tenth may explain nothing.

On an incomplete grid a straight line through another axis's steps leaves the rest of them to this one. Each slope is
therefore also taken beside the bare levels of the other axes: where these leave nothing of the axis it has no slope,
and where that slope contradicts the straight lines it is the one that counts (Hausman 1978). On a full grid both are
the same. Axes are taken to add: where cells are missing, an interaction counts for either.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ace.domain.estimate import AxisEffect, Estimate
from ace.stats import student
from ace.stats.intake import FloatArray

NEGLIGIBLE = 1e-9
ALONE = 1e-9  # of an axis's own variation: less of it beside the others is rounding
RANK = 1e-10  # eigenvalues below this share of the largest are rounding
DRAWS, SEED = 1000, 0


def axis_effects(
    axes: Mapping[str, Sequence[float]],
    samples: Sequence[FloatArray],
    *,
    confidence: float = 0.95,
    blocks: Sequence[str] | None = None,
) -> tuple[AxisEffect, ...]:
    """One effect for each axis that varies and is not confounded with another.

    axes: the level of every cell by axis, above 0; samples: one array of session values (natural logs) for each cell,
    of at least two sessions; blocks: where each cell was measured, its host: differences between blocks are taken out,
    and an axis that only varies between them is confounded.
    """
    [found] = axis_effects_on(axes, [samples], confidence=confidence, blocks=blocks)
    return found


def axis_effects_on(
    axes: Mapping[str, Sequence[float]],
    quantities: Sequence[Sequence[FloatArray]],
    *,
    confidence: float = 0.95,
    blocks: Sequence[str] | None = None,
) -> list[tuple[AxisEffect, ...]]:
    """The same for several quantities of the same cells, each with its samples."""
    varied = {name: np.log2(np.asarray(levels)) for name, levels in axes.items() if len(set(levels)) > 1}
    if not varied:
        return [() for _ in quantities]
    cells = len(next(iter(varied.values())))
    bases = _Bases.of(varied, np.array(blocks if blocks is not None else [""] * cells))
    return [_effects(bases, samples, confidence) for samples in quantities]


def _effects(bases: "_Bases", samples: Sequence[FloatArray], confidence: float) -> tuple[AxisEffect, ...]:
    varied, means = bases.varied, np.array([sample.mean() for sample in samples])
    variances = np.array([sample.var(ddof=1) / len(sample) for sample in samples])
    dfs = np.array([len(sample) - 1 for sample in samples])
    def slope(weights: FloatArray) -> Estimate:
        parts = weights**2 * variances
        error = math.sqrt(parts.sum())
        df = parts.sum() ** 2 / max((parts**2 / dfs).sum(), np.finfo(float).tiny) if error else 1.0
        reach = student.critical(max(df, 1.0), 1 - confidence) * error
        value = float(weights @ means)
        return Estimate(value, value - reach, value + reach)

    design = np.column_stack([*_indicators(bases.places), *varied.values()])
    straight = np.linalg.pinv(design)[-len(varied) :]  # (axes, cells)
    shares, found = _Shares(bases, means, variances), []
    for name, weights in zip(varied, straight, strict=True):
        beside = _beside(varied[name], bases.without[name])
        if beside is None:
            continue  # moves together with the others: nobody can say which of them it was
        found.append(AxisEffect(name, _uncontradicted(slope(weights), slope(beside)), shares.of(name, confidence)))
    return tuple(found)


def _uncontradicted(straight: Estimate, beside: Estimate) -> Estimate:
    tolerance = NEGLIGIBLE * (1 + abs(beside.value))  # without noise the interval is a point
    return straight if beside.low - tolerance <= straight.value <= beside.high + tolerance else beside


@dataclass(frozen=True, slots=True, eq=False)
class _Bases:
    """What of the variation between cells can be explained: by blocks (`within`), by all axes too (`whole`), by all but
    one (`without`, by its name). Orthonormal, (cells, rank) each; they say nothing of what was measured."""

    varied: Mapping[str, FloatArray]
    places: NDArray[np.str_]
    within: FloatArray
    whole: FloatArray
    without: Mapping[str, FloatArray]

    @classmethod
    def of(cls, varied: Mapping[str, FloatArray], places: NDArray[np.str_]) -> "_Bases":
        """Of these axes and blocks."""
        others = {name: [levels for other, levels in varied.items() if other != name] for name in varied}
        without = {name: _explained(rest, places) for name, rest in others.items()}
        return cls(varied, places, _explained([], places), _explained(list(varied.values()), places), without)


class _Shares:
    """How much of the variation between cells each axis explains and the others do not, whatever its form: a partition
    of sums of squares with the levels of the axes as factors (Fisher 1925).

    Sessions make cell means noisy, and noise adds to every sum of squares what its own trace says; the interval is a
    parametric bootstrap of the means (Efron & Tibshirani 1993), freed of that twice: once for the means, once for the
    draws.
    """

    def __init__(self, bases: _Bases, means: FloatArray, variances: FloatArray) -> None:
        self.bases, self.means, self.variances = bases, means, variances
        drawn = np.random.default_rng(SEED).standard_normal((DRAWS, len(means)))
        drawn *= np.sqrt(variances)  # in place: of a map of ten thousand cells each copy is 80 MB
        drawn += means
        self.drawn = drawn  # (draws, cells)

    def of(self, name: str, confidence: float) -> Estimate:
        """The share of one axis."""
        others = self.bases.without[name]
        value = self._ratio(self.means[None], others, 0.0)[0]
        drawn = self._ratio(self.drawn, others, 2.0)
        low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
        return Estimate(float(value), float(min(low, value)), float(max(high, value)))

    def _ratio(self, means: FloatArray, others: FloatArray, noises: float) -> FloatArray:
        """(draws, cells) -> (draws,); `noises`: how often the noise of the means is in them beyond the estimate."""
        own = _square(means, self.bases.whole) - _square(means, others)
        total = np.array([(row**2).sum() for row in means]) - _square(means, self.bases.within)
        own = own - noises * (_trace(self.variances, self.bases.whole) - _trace(self.variances, others))
        total = total - noises * (self.variances.sum() - _trace(self.variances, self.bases.within))
        return np.where(total > NEGLIGIBLE**2, np.clip(own / np.maximum(total, NEGLIGIBLE**2), 0.0, 1.0), 0.0)


def _beside(levels: FloatArray, others: FloatArray) -> FloatArray | None:
    """Weights of the cell means whose sum is the slope on `levels` beside what blocks and the other axes can explain,
    whatever form that has (Frisch & Waugh 1933); None where they leave nothing of the axis.  (cells,)"""
    left = levels - others @ (others.T @ levels)
    size, centred = float(left @ left), levels - levels.mean()
    return left / size if size > ALONE * float(centred @ centred) else None


def _indicators(places: NDArray[np.str_]) -> list[FloatArray]:
    """One column of ones for each block.  (cells,) each"""
    return [(places == place).astype(float) for place in np.unique(places)]


def _explained(axes: Sequence[FloatArray], places: NDArray[np.str_]) -> FloatArray:
    """An orthonormal basis of what blocks and additive effects of the axes' levels can explain.  (cells, rank)"""
    columns = [*_indicators(places), *(levels == level for levels in axes for level in np.unique(levels)[1:])]
    design = np.column_stack(columns).astype(float)
    # of ones and zeros, so that squaring loses nothing; a large map has far more cells than levels
    sizes, turned = np.linalg.eigh(design.T @ design)
    kept = sizes > RANK * sizes.max()
    basis: FloatArray = design @ (turned[:, kept] / np.sqrt(sizes[kept]))
    return basis


def _square(means: FloatArray, basis: FloatArray) -> FloatArray:
    """Sum of squares within a basis, draw by draw."""
    squares: FloatArray = ((means @ basis) ** 2).sum(axis=1)
    return squares


def _trace(variances: FloatArray, basis: FloatArray) -> float:
    """What noise alone adds to that sum of squares."""
    return float((variances[:, None] * basis**2).sum())
