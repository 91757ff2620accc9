"""Records with a known truth for tests: everything valid, every part replaceable.

Timings come from a seeded generator: a per-session offset shared by the arms, and independent noise per timing.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from ace.domain.canonical import digest
from ace.domain.energy import EnergyPlan
from ace.domain.plan import BenchmarkSpec, CellPlan, ExecutorSpec, ModelSpec, Protocol, Shape
from ace.domain.policy import Policy
from ace.domain.probes import UNTOUCHED, Clock, Company, Perturbed, Probes, Untouched, Visit
from ace.domain.quality import Quality
from ace.domain.record import SCHEMA_VERSION, CellRecord, CodeState, Failure, MemoryUse, Peak, record_digest
from ace.domain.session import BASELINE, CANDIDATE, NULL, ArmState, Environment, OutputCheck, Session, Timings, Witness
from ace.domain.snapshot import snapshot_of
from ace.domain.stored import Evidence, StoredCell, StoredSweep

ARMS = (BASELINE, NULL, CANDIDATE)
ROOT = Path(__file__).resolve().parents[1]
PEAK = Peak(
    threads=1,
    flops_per_s=(("float32", 250e9), ("bfloat16", 500e9), ("float16", None), ("int8", 1000e9)),
    bytes_per_s=((8 * 2**20, 120e9), (32 * 2**20, 70e9), (128 * 2**20, 45e9), (256 * 2**20, 40e9)),
    reason=None,
)
"""As one core of an AMD EPYC (Zen 5) was measured."""


def plan(
    seq_len: int = 64,
    batch: int = 1,
    split: str = "development",
    target: str = "ace.executors.token_pruning.TokenPruning",
    parameters: tuple[tuple[str, object], ...] = (("keep_ratio", 0.7),),
    sessions: int = 10,
    rounds: int = 12,
    hidden: int = 384,
    depth: int = 6,
    pretrained: bool = True,
    seed: int = 0,
) -> CellPlan:
    return CellPlan(
        experiment="token_pruning",
        model=ModelSpec("minilm", "ace.models.minilm.load", hidden, depth, 12, 512, pretrained, 0),
        executor=ExecutorSpec(target, parameters),
        benchmark=BenchmarkSpec(
            split, f"20newsgroups {split}", "ace.benchmarks.newsgroups.train", "probe_accuracy", 1000
        ),
        shape=Shape(seq_len, batch, hidden, depth),
        protocol=Protocol("standard", sessions, rounds, 3, 0.001, 1, 900.0, "fixed"),
        telemetry=EnergyPlan("auto"),
        seed=seed,
        rivals=(),
    )


def environment(**changes: object) -> Environment:
    made = Environment(
        host="host",
        boot_id="boot",
        cpu_model="cpu",
        cores=2,
        kernel="6",
        device="cpu",
        threads=1,
        interop_threads=1,
        clock_resolution_s=1e-9,
        load_average=0.5,
        versions=(("torch", "2.13.0"),),
        variables=(("OMP_NUM_THREADS", "1"),),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def probes(index: int, wall_s: dict[str, tuple[float, ...]], measuring_s: float = 2.0, sham: bool = False) -> Probes:
    """Of an honest session: noise of 3 %, a little slower after a pause; one in three met the baseline first."""
    rng = np.random.default_rng([7, index])

    def seconds(arm: str, factor: float = 1.02) -> float:
        return float(np.median(wall_s[arm])) * factor * float(np.exp(rng.normal(0, 0.03)))

    def visit(arm: str) -> Visit:
        return Visit(arm, seconds(arm), seconds(arm, 1.01), 0.0, 0.0, 0.02, float(rng.uniform(2e-5, 2e-4)))

    met = index % 3 == 0
    before, after = (tuple(seconds(BASELINE) for _ in range(4)) for _ in range(2))
    return Probes(
        clock=Clock(measuring_s + 0.002, None, ()),
        visits=tuple(visit(arm) for arm in (BASELINE, CANDIDATE, CANDIDATE, BASELINE)),
        perturbed=Perturbed(6, 0, 0.0),
        untouched=Untouched(before, after) if met else None,
        company=Company(1, 1, (), (), 0.0),
        state_changed=(),
        functions_changed=(),
        has_sham=sham,
        absent=(
            *(() if met else ((UNTOUCHED, "not in this session"),)),
            *(() if sham else (("sham", "the executor has no sham"),)),
        ),
    )


def session(
    index: int,
    rng: np.random.Generator,
    gain: float = 0.0,
    null_gain: float = 0.0,
    rounds: int = 12,
    baseline_s: float = 0.025,
    noise: float = 0.01,
    offset_sd: float = 0.005,
    tokens: Sequence[int] = (64, 44, 44, 31, 31, 31),
    full_tokens: Sequence[int] = (64,) * 6,
    declared: tuple[int, ...] | None = (64, 44, 44, 31, 31, 31),
    full_share: float = 0.3,
) -> Session:
    speed = float(np.exp(rng.normal(0, 0.02)))
    true = {
        BASELINE: baseline_s,
        NULL: baseline_s * np.exp(-null_gain - rng.normal(0, offset_sd)),
        CANDIDATE: baseline_s * np.exp(-gain - rng.normal(0, offset_sd)),
    }
    timings = []
    for arm in ARMS:
        wall = true[arm] * speed * np.exp(rng.normal(0, noise, rounds))
        values = tuple(float(t) for t in wall)
        timings.append(Timings(arm, values, values))
    order = tuple(ARMS if r % 2 == 0 else ARMS[::-1] for r in range(rounds))
    return Session(
        index=index,
        seed=index,
        started_at=1000.0 + 4 * index,  # each lasts 4 s, one after the other
        ready_s=2.0,
        measuring_s=2.0,
        timed_s=sum(sum(t.wall_s) for t in timings),
        calls_per_timing=1,
        warmup=tuple(Timings(arm, (0.05, 0.03, 0.025), (0.05, 0.03, 0.025)) for arm in ARMS),
        timings=tuple(timings),
        order=order,
        inputs=tuple((r,) for r in range(rounds)),
        inputs_digest=f"inputs{index}",
        arms=tuple(ArmState(arm, ("float32",), 22_000_000, 1, 1, 1, 1, ("flash",)) for arm in ARMS),
        witness=(
            Witness(BASELINE, tuple(full_tokens), (("float32", 1_000_000_000),), 43_000_000, 0.99),
            Witness(NULL, tuple(full_tokens), (("float32", 1_000_000_000),), 43_000_000, 0.99),
            Witness(CANDIDATE, tuple(tokens), (("float32", 700_000_000),), 43_000_000, full_share),
        ),
        declared_tokens_per_layer=declared,
        declared_changes=(),
        declared_equivalent=False,
        rivals_failed=(),
        checks=tuple(OutputCheck(arm, 3, 1e-7, 1e-6) for arm in ARMS),
        baseline_digest="weights",
        prepare_s=0.05,
        new_dependencies=(),
        peak_rss_bytes=500_000_000,
        probes=probes(index, {t.arm: t.wall_s for t in timings}),
        environment=environment(),
    )


def quality(loss: float = 0.0, n: int = 1000, seed: int = 0) -> Quality:
    """Scores whose candidate is wrong on about `loss` more of the examples."""
    rng = np.random.default_rng(seed)
    dense = (rng.random(n) < 0.74).astype(float)
    flipped = rng.random(n)
    candidate = np.where(flipped < 0.03 + max(loss, 0), 0.0, np.where(flipped > 1 - 0.03 - max(-loss, 0), 1.0, dense))
    scores = tuple(dense.tolist()), tuple(candidate.tolist())
    return Quality("probe_accuracy", *scores, (0.97,) * n, 0.06, "labels", "inputs")


def record(
    gain: float = 0.0,
    *,
    null_gain: float = 0.0,
    sessions: int = 10,
    seed: int = 0,
    loss: float | None = 0.0,
    failures: tuple[Failure, ...] = (),
    of: CellPlan | None = None,
    **session_changes: object,
) -> CellRecord:
    """A finished cell whose candidate has the true log `gain`; `loss=None` leaves quality out."""
    of = of or plan(sessions=sessions)
    names = digest([of.benchmark.split, of.shape.seq_len])
    rng = np.random.default_rng([seed, of.shape.seq_len, of.shape.batch, len(of.benchmark.split)])
    return CellRecord(
        schema_version=SCHEMA_VERSION,
        attempt=f"attempt-{of.digest[:8]}-{seed}",
        plan=of,
        sessions=tuple(
            session(i, rng, gain, null_gain, of.protocol.rounds, **session_changes)  # type: ignore[arg-type]
            for i in range(sessions)
        ),
        failures=failures,
        documents=tuple(f"{names[:7]}{i:05}" for i in range(of.benchmark.examples)),
        slices=(),
        quality=None if loss is None else quality(loss, of.benchmark.examples, seed),
        quality_reason="not scored" if loss is None else None,
        further=(),
        first_prepare_s=0.06,
        planted=None,
        looks=(),
        imported=None,
        rivals=(),
        memory=tuple(MemoryUse(arm, peak, None) for arm, peak in ((BASELINE, 200_000_000), (CANDIDATE, 201_000_000))),
        isolated=None,
        peak=PEAK,
        code=CodeState("abc", False, "package", "executor"),
        weights=(("model.safetensors", "53aa"),),
        data=(("20newsgroups-train.tab", "3287"),),
        started_at=1000.0,
        ended_at=1100.0,
    )


def at(made: CellRecord, started_at: float) -> CellRecord:
    """The same record measured at another time."""
    later = started_at - made.started_at
    sessions = tuple(replace(s, started_at=s.started_at + later) for s in made.sessions)
    return replace(made, sessions=sessions, started_at=started_at, ended_at=made.ended_at + later)


def stored(made: CellRecord, run_id: str | None = None, status: str = "FINISHED", **changes: object) -> StoredCell:
    """The record as an untouched store hands it back."""
    value = record_digest(made)
    cell = StoredCell(
        run_id=run_id or f"run-{value[:12]}",
        status=status,
        started_at=made.started_at,
        sweep=None,
        job=None,
        plan=made.plan,
        record=made,
        problem=None,
        record_digest=value,
        tagged_digest=value,
        baseline=snapshot_of(made, value),
    )
    return replace(cell, **changes)  # type: ignore[arg-type]


def evidence(*cells: StoredCell, sweeps: tuple[StoredSweep, ...] = ()) -> Evidence:
    return Evidence("token_pruning", tuple(cells), sweeps)


def near_term(**changes: object) -> Policy:
    """The default policy as it is shipped, with changes."""
    values = yaml.safe_load((ROOT / "conf" / "policy" / "near_term.yaml").read_text(encoding="utf-8"))
    return Policy(**(values | changes))


def scored(difference: float = 0.0, n: int = 1000, changed: float = 0.06) -> Quality:
    """Scores whose mean difference is exactly `difference`; `changed` is the share of examples that differ at all."""
    right, net = round(0.74 * n), round(difference * n)
    lost = (round(changed * n) - net) // 2
    won = lost + net
    baseline = (1.0,) * right + (0.0,) * (n - right)
    candidate = (0.0,) * lost + (1.0,) * (right - lost + won) + (0.0,) * (n - right - won)
    return Quality("probe_accuracy", baseline, candidate, (0.97,) * n, 0.06, "labels", "inputs")


def honest(
    gain: float, of: CellPlan, *, seed: int = 0, difference: float = 0.0, **session_changes: object
) -> CellRecord:
    """A cell measured as it should be: known true gain, known difference in quality."""
    made = record(gain, of=of, seed=seed, sessions=of.protocol.sessions, **session_changes)  # type: ignore[arg-type]
    return replace(made, quality=scored(difference, of.benchmark.examples))
