"""What judgement answers about one cell beyond its gain: quality, rivals, the null arm, memory, energy.

Made by `ace.decide`, held by a cell's decision (`ace.domain.decision`), told by `ace.report`. Gains are natural logs
baseline/candidate of the steady-state median time.
"""

from dataclasses import dataclass

from ace.domain.finding import Outcome


@dataclass(frozen=True, slots=True)
class SliceAnswer:
    """What a part of the documents loses or gains on average, with an upper bound that holds for all parts together."""

    name: str
    n: int
    difference: float
    ucb: float


@dataclass(frozen=True, slots=True)
class NumbersAnswer:
    """How nearly the candidate's numbers are the baseline's: the largest relative error of any document, the median
    distance in units in the last place of `dtype`, and the share of documents for which both arms name one class."""

    dtype: str
    relative_error: float
    ulps: float
    same_answer: float


@dataclass(frozen=True, slots=True)
class SimilarityAnswer:
    """Spearman's correlation of an arm's similarities with people's, candidate minus baseline, with its one-sided
    bounds by a bootstrap over documents; None where it was not scored, with the `reason`."""

    benchmark: str
    documents: int
    margin: float
    baseline: float | None
    candidate: float | None
    difference: float | None
    lcb: float | None
    ucb: float | None
    outcome: Outcome
    reason: str | None


@dataclass(frozen=True, slots=True)
class QualityAnswer:
    """Candidate minus baseline, paired per example; `low`, `high` two-sided, `lcb` the one-sided bound.

    `margin`: what may be lost. `worst`: of the `parts` tested, the one that is known to lose most; where none is known
    to lose more than the margin, the one with the lowest mean.
    """

    difference: float
    low: float
    high: float
    lcb: float
    n: int
    metric: str
    margin: float
    baseline: float
    candidate: float
    outcome: Outcome
    cosine: float
    numbers: NumbersAnswer | None
    parts: int
    worst: SliceAnswer | None


@dataclass(frozen=True, slots=True)
class RivalAnswer:
    """Another way to the same saving, timed in the same sessions. Gains are logs with one-sided bounds, None where the
    rival was not timed for `reasons`: `gain`, `low`, `high` over the baseline, `ahead_*` the candidate's over it.

    `quality`: against the baseline; `against`: the candidate's scores minus the rival's. `token_share`: tokens that its
    layers were seen to be given, over the candidate's. `failure`: why it did not run.
    """

    name: str
    role: str
    target: str
    gain: float | None
    low: float | None
    high: float | None
    ahead_low: float | None
    ahead_high: float | None
    reasons: tuple[str, ...]
    quality: QualityAnswer | None
    against: QualityAnswer | None
    token_share: float | None
    failure: str | None


@dataclass(frozen=True, slots=True)
class NullAnswer:
    """The cell's own A/A: the baseline prepared twice, with its two-sided interval."""

    gain: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class MemoryAnswer:
    """Median peak of each arm alone in a process; baseline over candidate as logs, least and largest between any two
    processes, with the level of these bounds."""

    baseline_bytes: int
    candidate_bytes: int
    low: float
    high: float
    processes: int
    level: float


@dataclass(frozen=True, slots=True)
class EnergyAnswer:
    """What was measured of energy, and what it is worth. Without a source there is a reason, never a number.

    `unclaimable`: why no claim can rest on it, None where one can. `device`: the board or packages, with the driver.
    `baseline_j`, `candidate_j`: median joules per item; `idle_w`: median power with nothing running, taken off only
    where `idle_subtracted`. `gain`: ln of the ratio over sessions with its interval, > 0 where the candidate needs
    less; `lcb`, `ucb`: its one-sided bounds; `type_a`, `type_b`: standard uncertainties of it, by scatter and by what
    all sessions share. `null_*`: the null arm in place of the candidate, where energy was to be claimed. `ecd_*` with
    `throughput_*` and `quality_*`: effective compute density and its other two parts. `left_out`: measurements under an
    earlier driver, which do not count.
    """

    grade: str
    simulated: bool
    reason: str
    unclaimable: str | None = None
    source: str | None = None
    device: str | None = None
    sessions: int = 0
    baseline_j: float | None = None
    candidate_j: float | None = None
    idle_w: float | None = None
    idle_subtracted: bool = False
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    lcb: float | None = None
    ucb: float | None = None
    type_a: float | None = None
    type_b: float | None = None
    null_gain: float | None = None
    null_low: float | None = None
    null_high: float | None = None
    ecd_gain: float | None = None
    ecd_low: float | None = None
    ecd_high: float | None = None
    ecd_lcb: float | None = None
    ecd_ucb: float | None = None
    ecd_type_a: float | None = None
    ecd_type_b: float | None = None
    throughput_gain: float | None = None
    throughput_low: float | None = None
    throughput_high: float | None = None
    throughput_lcb: float | None = None
    throughput_ucb: float | None = None
    quality_gain: float | None = None
    quality_low: float | None = None
    quality_high: float | None = None
    left_out: str | None = None
