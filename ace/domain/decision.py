"""What judgement concludes about one claim: verdict, gates, findings and the map, ready to be written down.

Made by `ace.decide.judge`, told by `ace.report`, logged by tracking. Gains are natural logs baseline/candidate of the
steady-state median time. `document` gives exactly what `decision.json` holds (8-interfaces).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ace.domain.envelope import Envelope
from ace.domain.estimate import Answer, AxisEffect
from ace.domain.finding import Finding, Outcome
from ace.domain.mapping import Landscape, Mechanism, SessionSeries
from ace.domain.plan import Shape
from ace.domain.policy import Policy
from ace.domain.record import Environment
from ace.domain.serial import canonical_text, encode, opened
from ace.domain.transfer import Transfer
from ace.domain.verdict import Regime, Verdict

DECISION_SCHEMA_VERSION = 6
LARGEST_LOG = 100.0  # about 1e43 times: beyond it only the order of magnitude could matter, and it does not
ESTIMAND = "steady-state median ratio"


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


@dataclass(frozen=True, slots=True)
class CellProvenance:
    """Grade of each kind of number: MEASURED, IMPORTED from another tool, or NONE where nothing was measured."""

    latency: str
    quality: str
    energy: str


@dataclass(frozen=True, slots=True)
class CellDecision:
    """One cell of the map on one split. `low`, `high` hold for all cells of the split together; `lcb`, `ucb` are this
    cell's own one-sided bounds, which the gates use. `baseline_roofline`, `candidate_roofline`: the least time that the
    machine needs for what the arm does, over the time it took. `slices`: quality of
    every part of the documents that is large enough, of the measurement that stands. `records` names its measurements,
    pooled."""

    cell: str
    seq_len: int
    batch: int
    hidden: int
    depth: int
    split: str
    gain: float | None
    low: float | None
    high: float | None
    lcb: float | None
    ucb: float | None
    sessions: int
    answer: Answer
    reasons: tuple[str, ...]
    regime: Regime
    baseline_s: float | None
    candidate_s: float | None
    baseline_roofline: float | None
    candidate_roofline: float | None
    null: NullAnswer
    rivals: tuple[RivalAnswer, ...]
    quality: QualityAnswer | None
    further: tuple[SimilarityAnswer, ...]
    memory: MemoryAnswer | None
    energy: EnergyAnswer | None
    provenance: CellProvenance
    slices: tuple[SliceAnswer, ...]
    series: SessionSeries
    records: tuple[str, ...]

    @property
    def shape(self) -> Shape:
        """Where it stands on the map."""
        return Shape(self.seq_len, self.batch, self.hidden, self.depth)


@dataclass(frozen=True, slots=True)
class BenchmarkAnswer:
    """A benchmark that was asked, for people: what its task is and what is known of its licence."""

    split: str
    name: str
    task: str
    metric: str
    licence: str


@dataclass(frozen=True, slots=True)
class AxisEffects:
    """Which axes of the development map matter: to the gain, and to the baseline's own time."""

    gain: tuple[AxisEffect, ...]
    baseline_time: tuple[AxisEffect, ...]


@dataclass(frozen=True, slots=True)
class ScopeClaim:
    """The verdict of one scope, why, and the cells that it speaks about."""

    verdict: Verdict
    reasons: tuple[str, ...]
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claims:
    """One verdict per scope; one accepted scope says nothing about another."""

    speed: ScopeClaim
    energy: ScopeClaim
    memory: ScopeClaim
    ecd: ScopeClaim


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of the store, counted whether or not it gave evidence. `used`: its sessions are in the map."""

    run_id: str
    status: str
    started_at: float
    cell: str | None
    sweep: str | None
    job: str | None
    record: str | None
    used: bool
    problem: str | None


@dataclass(frozen=True, slots=True)
class ArmTuning:
    """How many settings of an arm were tried in this experiment, in how many attempts."""

    arm: str
    settings: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Decision:
    """One claim, judged. `planted` names the arm with planted compute: then this calibrates and claims nothing.
    `claim`: its digest; `label`: the same for people. `reproduce`: the commands that measure the map again."""

    schema_version: int
    experiment: str
    claim: str
    label: str
    planted: str | None
    verdict: Verdict
    claims: Claims
    registration: str | None
    policy: Policy
    gates: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    cells: tuple[CellDecision, ...]
    axes: AxisEffects
    landscape: Landscape
    mechanism: Mechanism
    benchmarks: tuple[BenchmarkAnswer, ...]
    transfer: tuple[Transfer, ...]
    attempts: tuple[Attempt, ...]
    tuning: tuple[ArmTuning, ...]
    envelope: Envelope
    look_ledger: tuple[str, ...]
    environment: Environment | None
    versions: tuple[tuple[str, str], ...]
    reproduce: tuple[str, ...]


def document(decision: Decision) -> dict[str, Any]:
    """The JSON value of `decision.json`."""
    made: dict[str, Any] = encode(_by_name(decision))
    return made


def decision_text(decision: Decision) -> str:
    """Canonical JSON of `decision.json`."""
    return canonical_text(_by_name(decision))


def _by_name(decision: Decision) -> dict[str, Any]:
    """The fields of a decision; pairs become objects where people look things up by name."""
    made: dict[str, Any] = opened(decision)
    made["versions"] = dict(decision.versions)
    if (place := decision.environment) is not None:
        pairs = {"versions": dict(place.versions), "variables": dict(place.variables)}
        made["environment"] = opened(place) | pairs
    return made


def overall(findings: Iterable[Finding]) -> Outcome:
    """What several findings of one gate amount to: all must pass, and what does not apply does not count."""
    outcomes = {finding.outcome for finding in findings}
    for outcome in (Outcome.FAIL, Outcome.NO_EVIDENCE, Outcome.PASS):
        if outcome in outcomes:
            return outcome
    return Outcome.NOT_APPLICABLE if outcomes else Outcome.NO_EVIDENCE


def percent(log: float) -> str:
    """A log ratio as people read it: .122 -> `+13.0 %`; a ratio that no float holds is shown as the largest."""
    return f"{_expm1(log):+.1f} %"


def _expm1(log: float) -> float:
    return 100 * math.expm1(min(log, LARGEST_LOG))


def percent_within(gain: float | None, low: float | None, high: float | None) -> str:
    """`+12.9 % [+12.1, +13.8]`; says so where there is no number."""
    if gain is None:
        return "not measured"
    if low is None or high is None:
        return f"{percent(gain)} [no interval]"
    return f"{percent(gain)} [{_expm1(low):+.1f}, {_expm1(high):+.1f}]"


def points_within(difference: float, low: float, high: float) -> str:
    """`-0.7 points [-2.0, +0.6]`, from fractions of 1."""
    return f"{100 * difference:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"
