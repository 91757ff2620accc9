"""A real encoder behind the guard: faster where it was accepted, the baseline's very bits everywhere else."""

import time
from dataclasses import replace
from importlib import metadata
from math import log
from statistics import median

import pytest
import torch
from torch import nn

from ace.domain.envelope import NOTHING, Admitted, Bound, Envelope
from ace.domain.plan import ModelSpec, Shape
from ace.domain.verdict import Verdict
from ace.domain.workload import Batch
from ace.executors.token_pruning import TokenPruning
from ace.guard import Guard
from ace.models.digests import weights_digest
from ace.models.random_encoder import load
from ace.models.surroundings import cpu_model
from tests.integration.guarded import asked, median_gain

INSIDE, ONE, HIDDEN, DEPTH = Shape(256, 2, 192, 6), Shape(64, 1, 192, 6), 192, 6
ROUNDS = 30
APART = 0.15  # of the gain: two ways of timing the same two programs, one of them through the guard


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def arms() -> tuple[nn.Module, nn.Module]:
    spec = ModelSpec("encoder", "ace.models.random_encoder.load", HIDDEN, DEPTH, 6, 512, False, 0)
    dense = load(spec)
    return dense, TokenPruning(keep_ratio=0.5).prepare(dense, Batch(*inputs(INSIDE.batch, INSIDE.seq_len))).eval()


def inputs(batch: int, seq_len: int) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(5, 20_000, (batch, seq_len), generator=torch.Generator().manual_seed(seq_len))
    return ids, torch.ones((batch, seq_len), dtype=torch.int64)


def envelope(dense: nn.Module) -> Envelope:
    bound = Bound(weights_digest(dense), cpu_model(), "cpu", 1, metadata.version("torch"), ("float32",), ())
    return replace(
        NOTHING,
        problem=None,
        verdict=Verdict.ACCEPTED_WITHIN_ENVELOPE,
        bound=bound,
        admitted=(Admitted(INSIDE, 0.3, 0.2, 0.4),),
        measured=(INSIDE,),
        expires_at=time.time() + 3600,
    )


@pytest.mark.parametrize("shape", [(2, 128), (1, 256), (4, 256), (2, 512)])
def test_outside_the_envelope_the_answer_is_the_baselines_bit_for_bit(arms, shape):
    served = Guard(*arms, envelope(arms[0]))
    with torch.inference_mode():
        assert torch.equal(served(*inputs(*shape)), arms[0](*inputs(*shape)))
    assert served.decisions == {"shape outside the envelope": 1}


def test_inside_the_envelope_the_answer_is_the_candidates_bit_for_bit(arms):
    served = Guard(*arms, envelope(arms[0]))
    with torch.inference_mode():
        assert torch.equal(served(*inputs(2, 256)), arms[1](*inputs(2, 256)))
        assert not torch.equal(served(*inputs(2, 256)), arms[0](*inputs(2, 256)))


@pytest.mark.slow
@pytest.mark.steady
def test_inside_the_envelope_the_served_model_is_faster_by_what_the_candidate_alone_is(arms):
    served = Guard(*arms, envelope(arms[0]))
    given = inputs(2, 256)
    ratios: dict[str, list[float]] = {"candidate": [], "served": []}
    with torch.inference_mode():
        for turn in range(ROUNDS):
            seconds = {"baseline": 0.0, "candidate": 0.0, "served": 0.0}
            order = [("baseline", arms[0]), ("candidate", arms[1]), ("served", served)]
            order = order[turn % 3 :] + order[: turn % 3]  # each comes twice in a row as often as the others
            for name, arm in (*order, *reversed(order)):  # mirrored, so that drift cancels
                started = time.perf_counter()
                arm(*given)
                seconds[name] += time.perf_counter() - started
            for name in ratios:
                ratios[name].append(seconds["baseline"] / seconds[name])
    alone, behind = median(ratios["candidate"]) - 1, median(ratios["served"]) - 1
    assert alone > 0.1
    assert behind == pytest.approx(alone, rel=APART)
    assert set(served.decisions) == {"admitted"}


def test_the_gain_of_a_server_is_that_of_its_calls_whatever_the_machine_drifts():
    """The server of the slow tests: calls of a baseline of 3 and a candidate of 2 while everything grows slower."""
    now = [0.0]

    def taking(seconds):
        def call(*_):
            now[0] += seconds * (1 + now[0] / 1000)

        return call

    assert median_gain(taking(3.0), taking(2.0), inputs(1, 4), 10, lambda: now[0]) == pytest.approx(log(1.5), rel=0.02)


def test_a_server_says_what_its_guard_did_and_is_no_faster_without_an_envelope(arms):
    told = asked(*arms, NOTHING, rounds=1)
    assert (told["64"], told["128"]) == (["no usable envelope", True], ["no usable envelope", True])
    inside = replace(envelope(arms[0]), admitted=(Admitted(ONE, 0.3, 0.2, 0.4),), measured=(ONE,))
    told = asked(*arms, inside, rounds=1)
    assert (told["64"], told["128"]) == (["admitted", False], ["shape outside the envelope", True])
