"""What judgement concludes about one claim: verdict, gates, findings and the map, ready to be written down.

Made by `ace.decide.judge`, told by `ace.report`, logged by tracking. Gains are natural logs baseline/candidate of the
steady-state median time. `document` gives exactly what `decision.json` holds (8-interfaces).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ace.domain.answers import (
    EnergyAnswer,
    MemoryAnswer,
    NullAnswer,
    QualityAnswer,
    RivalAnswer,
    SimilarityAnswer,
    SliceAnswer,
)
from ace.domain.envelope import Envelope
from ace.domain.estimate import Answer, AxisEffect
from ace.domain.finding import Finding, Outcome
from ace.domain.mapping import Landscape, Mechanism, SessionSeries
from ace.domain.plan import Shape
from ace.domain.policy import Policy
from ace.domain.serial import canonical_text, encode, opened
from ace.domain.session import Environment
from ace.domain.transfer import Transfer
from ace.domain.verdict import Regime, Verdict

DECISION_SCHEMA_VERSION = 6
ESTIMAND = "steady-state median ratio"


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
