"""Cells measured for real, small: real weights, real documents, real processes."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ace.domain.plan import CellPlan, ExecutorSpec
from ace.domain.record import CellRecord
from ace.errors import PlanError
from ace.measure.code_state import code_state
from ace.measure.observe import observe
from ace.measure.preflight import refuse_impossible
from ace.measure.watching import Silent
from ace.measure.workshop import Workshop
from ace.models.loading import model_digests
from ace.wiring import compose_config, plan_of

SMALL = ["seq_len=16", "split.examples=64", "protocol.sessions=2", "protocol.rounds=2", "protocol.warmup_rounds=1"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def small_plan(executor: str, **parameters: object) -> CellPlan:
    plan = plan_of(compose_config(SMALL))
    return replace(plan, executor=ExecutorSpec(executor, tuple(sorted(parameters.items()))), rivals=())


def measured(plan: CellPlan, folder: Path, cache: Path) -> CellRecord:
    code, weights = code_state(plan.executor, Path.cwd()), model_digests(plan.model)
    return observe(plan, "attempt", code, weights, Workshop(folder, cache, 2, "test"), Silent())


def test_a_cell_holds_everything_that_judgement_needs(tmp_path: Path, cache: Path) -> None:
    plan = small_plan("ace.executors.token_pruning.TokenPruning", keep_ratio=0.7, prune_at=(0.17, 0.5))
    record = measured(plan, tmp_path, cache)
    assert record.failures == ()
    assert [s.index for s in record.sessions] == [0, 1]
    for session in record.sessions:
        assert sorted(t.arm for t in session.timings) == ["baseline", "candidate", "null", "sham"]
        assert session.order[1] == tuple(reversed(session.order[0]))
        assert session.declared_tokens_per_layer == session.witness[-1].tokens_per_layer
        assert min(session.declared_tokens_per_layer or (16,)) < 16
        assert all(check.scored_error is not None and check.scored_error < 1e-4 for check in session.checks)
        assert session.environment.threads == 1
        assert all(t > 0 for timings in session.timings for t in timings.cpu_s)
        assert session.probes.clock.parent_s == pytest.approx(session.measuring_s, rel=0.05, abs=0.25)
        assert {visit.arm for visit in session.probes.visits} == {"baseline", "candidate"}
        assert session.probes.perturbed is not None
        assert session.probes.perturbed.blind == 0
        assert (session.probes.state_changed, session.probes.functions_changed) == ((), ())
    assert record.sessions[0].inputs != record.sessions[1].inputs
    assert record.quality is not None
    assert len(record.quality.candidate) == 64
    assert [name for name, _ in record.weights] == ["model.safetensors"]
    assert record.data


@pytest.mark.parametrize(
    ("executor", "kind", "said"),
    [
        ("RaisesInPrepare", "raised", "no such layer"),
        ("RaisesInForward", "raised", "bad index"),
        ("ReturnsNan", "invalid output", "NaN"),
        ("ReturnsAnotherShape", "invalid output", r"shape \(1, 7\)"),
        ("ChangesInput", "changed input", "clone it first"),
        ("ChangesBaseline", "changed baseline", "deepcopy"),
        ("Dies", "died", "exited with code 7"),
        ("LeavesRubbish", "rubbish", "cannot be read"),
    ],
)
def test_a_candidate_that_cannot_work_is_one_failure_and_no_session(
    executor: str, kind: str, said: str, tmp_path: Path, cache: Path
) -> None:
    record = measured(small_plan(f"tests.integration.misbehaving.{executor}"), tmp_path, cache)
    assert record.sessions == ()
    (failure,) = record.failures
    assert (failure.session, failure.kind) == (None, kind)
    assert re.search(said, failure.detail)


@pytest.mark.parametrize(
    ("executor", "kind"), [("RaisesWhenTimed", "raised"), ("ChangesBaselineLater", "changed baseline")]
)
def test_a_candidate_that_fails_only_when_timed_costs_its_sessions_and_keeps_its_quality(
    executor: str, kind: str, tmp_path: Path, cache: Path
) -> None:
    record = measured(small_plan(f"tests.integration.misbehaving.{executor}"), tmp_path, cache)
    assert record.sessions == ()
    assert [(f.session, f.kind) for f in record.failures] == [(0, kind), (1, kind)]
    assert record.quality is not None


def test_a_worker_that_hangs_is_ended_at_its_limit(tmp_path: Path, cache: Path) -> None:
    plan = small_plan("tests.integration.misbehaving.Hangs")
    plan = replace(plan, protocol=replace(plan.protocol, session_limit_s=8.0))
    measured(small_plan("ace.executors.identity.Identity"), tmp_path / "warm", cache)  # the baseline's embeddings
    record = measured(plan, tmp_path, cache)
    assert [f.kind for f in record.failures] == ["hung"]
    assert "limit of 8 s" in record.failures[0].detail


def candidates_errors(record: CellRecord) -> list[float]:
    """Distances of its timed outputs to scored ones, one for every kept output."""
    errors = [c.scored_error for s in record.sessions for c in s.checks if c.arm == "candidate"]
    assert errors
    return [error for error in errors if error is not None]


def test_a_candidate_that_skips_the_work_on_timed_shapes_is_scored_on_those_shapes(tmp_path: Path, cache: Path) -> None:
    record = measured(small_plan("tests.integration.misbehaving.AnswersWithoutComputing"), tmp_path, cache)
    assert record.quality is not None
    assert sum(record.quality.baseline) > sum(record.quality.candidate) + 5
    assert max(candidates_errors(record)) < 1e-4


def test_a_candidate_that_depends_on_its_batch_is_scored_in_such_batches_and_compared_in_another_process(
    tmp_path: Path, cache: Path
) -> None:
    plan = small_plan("tests.integration.misbehaving.LooksAtItsCompany")
    record = measured(replace(plan, shape=replace(plan.shape, batch=4)), tmp_path, cache)
    assert len(record.sessions) == 2
    assert max(candidates_errors(record)) < 1e-4


def test_a_candidate_that_computes_only_in_later_calls_differs_from_what_was_scored(
    tmp_path: Path, cache: Path
) -> None:
    plan = small_plan("tests.integration.misbehaving.ComputesOnlyLater")
    record = measured(replace(plan, shape=replace(plan.shape, batch=2)), tmp_path, cache)
    assert max(candidates_errors(record)) > 0.1


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (("ace.executors.token_pruning.TokenPruning", {"keep_ratio": 1.2}), "executor.keep_ratio=1.2 is refused"),
        (("ace.executors.token_pruning.TokenPruning", {"keep_ration": 0.5}), "executor.keep_ration=0.5 is refused"),
        (("ace.executors.no_such.Thing", {}), "executor._target_=ace.executors.no_such.Thing is refused"),
        (("tests.integration.misbehaving.TakesAnArgument", {}), "executor.keep is missing"),
    ],
)
def test_an_impossible_executor_is_refused_before_anything_runs(
    spec: tuple[str, dict[str, object]], said: str, tmp_path: Path, cache: Path
) -> None:
    plan = small_plan(spec[0], **spec[1])
    with pytest.raises(PlanError, match=said):
        refuse_impossible(plan, code_state(plan.executor, Path.cwd()), tmp_path, cache)


def test_an_executor_whose_check_was_killed_is_not_refused_and_its_cell_records_the_failure(
    tmp_path: Path, cache: Path
) -> None:
    plan = small_plan("tests.integration.misbehaving.KilledWhenMade")
    refuse_impossible(plan, code_state(plan.executor, Path.cwd()), tmp_path, cache)
    record = measured(plan, tmp_path, cache)
    assert record.sessions == ()
    assert {(failure.kind, "out-of-memory killer" in failure.detail) for failure in record.failures} == {("died", True)}


def test_random_weights_are_timed_at_any_size_and_claim_no_quality(tmp_path: Path, cache: Path) -> None:
    any_size = ["model=encoder", "hidden=64", "depth=2", "executor=identity", "inputs.rivals=null"]
    plan = plan_of(compose_config([*SMALL, *any_size]))
    record = measured(plan, tmp_path, cache)
    assert len(record.sessions) == 2
    assert record.sessions[0].witness[0].tokens_per_layer == (16, 16)
    assert record.quality is None
    assert record.quality_reason is not None
    assert "random weights" in record.quality_reason


@pytest.mark.parametrize(
    "left_out",
    [["inputs.rivals.compiled=null"], pytest.param([], marks=pytest.mark.slow)],  # compiling for all lengths: 30 s
)
def test_natural_inputs_are_as_wide_as_their_longest_document_and_promises_are_checked_at_that_width(
    left_out: list[str], tmp_path: Path, cache: Path
) -> None:
    natural = ["inputs=natural", "seq_len=64", "batch=2", "executor.rivals=null", *left_out]
    plan = plan_of(compose_config([*SMALL, *natural]))
    record = measured(plan, tmp_path, cache)
    assert record.failures == ()
    widths = {session.witness[0].tokens_per_layer for session in record.sessions}
    assert all(tokens is not None and 3 <= tokens[0] <= 64 for tokens in widths)
    for session in record.sessions:
        assert session.declared_tokens_per_layer == session.witness[2].tokens_per_layer
        rivals = {"unpadded", "length_bucketed"} | ({"compiled"} if not left_out else set())
        assert {t.arm for t in session.timings} == {"baseline", "null", "candidate", "sham", *rivals}
        assert session.rivals_failed == ()
        assert all(check.scored_error is not None and check.scored_error < 1e-4 for check in session.checks)
