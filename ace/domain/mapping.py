"""What the cells of a map say together: where a gain begins and ends, what to measure next, and what explains it.

Parts of a Decision, made by `ace.decide.mapping` and `ace.decide.mechanism`, told by `ace.report`. A map is that of the
development split: the others confirm it and are not explored.
"""

from dataclasses import dataclass, field

from ace.domain.estimate import Estimate
from ace.domain.serial import LATER
from ace.domain.verdict import Regime


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """Between two measured levels of `axis` the map enters or leaves positive as the axis grows; `line` names what is
    held fixed.

    `last`, `first`: the nearest levels on either side that are known to be positive or not, with their regimes `before`
    and `after` (what is neither positive nor a collapse is known not to be where its interval lies below the floor);
    None where nothing beyond is known. `unknown`: levels in between that were not measured or are not known.
    """

    axis: str
    line: str
    enters: bool
    last: int | None
    first: int | None
    before: Regime | None
    after: Regime | None
    unknown: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.last is None and self.first is None:
            raise ValueError(f"a breakpoint along {self.axis} between nothing and nothing")
        if self.last is not None and self.first is not None and not self.last < self.first:
            raise ValueError(f"a breakpoint along {self.axis} between {self.last} and {self.first}")


@dataclass(frozen=True, slots=True)
class Hole:
    """A cell that is not positive between two on a line along `axis` that are: the gain does not grow or fall with it.
    `between`: the nearest positive levels on either side. `certain`: whether it is known not to be positive."""

    cell: str
    regime: Regime
    axis: str
    between: tuple[int, int]
    certain: bool


@dataclass(frozen=True, slots=True)
class NextCell:
    """A cell worth measuring, and why. `half_width_log`: of its interval, None where it has none."""

    cell: str
    half_width_log: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Landscape:
    """`floor_log`: the smallest gain worth having, as a log, which positive must exceed. `next_command`: measures all
    of `next_cells`, None where there is none."""

    floor_log: float
    breakpoints: tuple[Breakpoint, ...]
    holes: tuple[Hole, ...]
    next_cells: tuple[NextCell, ...]
    next_command: str | None


@dataclass(frozen=True, slots=True)
class CellMechanism:
    """What the witness saw of a development cell beside what it gains. Work is of one call, the median over sessions;
    tokens are summed over layers. What was not seen, or has no meaning, is None.

    `flops_gain_log`: the gain if time were proportional to FLOPs. `achieved`: share of the time saved over share of the
    FLOPs saved, with the bounds of the map; `fixed_share`: of the baseline's time, the part that the cost model calls
    fixed.
    """

    cell: str
    gain: float | None
    baseline_flops: float | None
    candidate_flops: float | None
    flops_gain_log: float | None
    achieved: Estimate | None
    baseline_tokens: float | None
    candidate_tokens: float | None
    baseline_bytes: float | None
    candidate_bytes: float | None
    fixed_share: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """y = intercept + slope * x by least squares of relative errors; 95 % intervals of both. `residuals`: measured
    minus fitted, over measured, in the order of the points."""

    intercept: Estimate
    slope: Estimate
    residuals: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CostModel:
    """Seconds per call of an arm = `line.intercept` + `line.slope` * FLOPs, over the `cells` of one size of model on
    one host. `describes`: whether every residual is small enough to reason from it. `host`: None where all cells of the
    map were measured on one."""

    arm: str
    hidden: int
    depth: int
    cells: tuple[str, ...]
    line: Line
    describes: bool
    host: str | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Mechanism:
    """Why the gain is what it is. `models` is empty where too few cells had their work and time known."""

    cells: tuple[CellMechanism, ...]
    models: tuple[CostModel, ...]


@dataclass(frozen=True, slots=True)
class SessionSeries:
    """Every session of a cell, in the order they were measured; gains are logs, warm-up cut.

    `gains`, `null_gains`: of the candidate and of the null arm over the baseline. `started_at` (seconds since the
    epoch) and `baseline_s` (median seconds per call) are empty for imported timings; `drift_log` is ln of `baseline_s`
    over its median in this cell.
    """

    gains: tuple[float, ...]
    null_gains: tuple[float, ...]
    started_at: tuple[float, ...]
    baseline_s: tuple[float, ...]
    drift_log: tuple[float, ...]
