import random
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ace.domain.session import BASELINE, CANDIDATE
from ace.domain.workload import Batch, Work
from ace.measure.arms import Arms
from ace.measure.failing import ArmError
from ace.measure.inputs import Inputs
from ace.measure.perturbing import Tally, another_token, in_turns, moved, replaced
from ace.measure.probing import Acquaintance, Prober, meets_baseline_first
from ace.measure.timing import Clocks
from ace.models.encoder import randomised
from ace.models.vision import Vision

WORDS, LENGTH = 50, 8


class Sums(nn.Module):
    """The sum of what each token stands for, over the first `reads` tokens; rows apart unless they are to touch."""

    def __init__(self, reads: int = LENGTH, touching: bool = False) -> None:
        super().__init__()
        self.table = torch.randn(WORDS, 4, generator=torch.Generator().manual_seed(0))
        self.reads, self.touching = reads, touching
        self.given: list[Tensor] = []

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        self.given.append(ids.clone())
        output = (self.table[ids] * mask.unsqueeze(-1))[:, : self.reads].sum(1)
        return output + output.mean(0) if self.touching else output


class Silent:
    """An executor that declares nothing."""


class Declares:
    def declares(self, example: Batch) -> Work:
        return Work((LENGTH // 2, LENGTH // 2))


@pytest.fixture
def inputs(tmp_path) -> Inputs:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "ids.npy", rng.integers(0, WORDS, (40, LENGTH)))
    np.save(tmp_path / "mask.npy", np.ones((40, LENGTH), dtype=np.int64))
    return Inputs(tmp_path, rng)


def ticking(step_s: float = 0.001) -> Iterator[float]:
    now = 0.0
    while True:
        now += step_s
        yield now


def prober(inputs: Inputs, candidate: nn.Module, examples: int = 2, executor: object = None, calls: int = 1) -> Prober:
    modules = {BASELINE: Sums(), CANDIDATE: candidate}
    arms = Arms(modules, modules[BASELINE], "digest", 0.0, None, (), ())
    clocks = Clocks(ticking().__next__, lambda: 0.0, sleep=lambda _: None)
    return Prober(arms, inputs, executor or Silent(), examples, calls, clocks, random.Random(0), ())


def test_both_arms_are_visited_twice_in_mirrored_order_on_the_same_inputs(inputs):
    made = prober(inputs, Sums())
    made.probe(100.0, {BASELINE: 0.001, CANDIDATE: 0.001})
    order = [visit.arm for visit in made.visits]
    assert order == order[::-1]
    assert sorted(order) == [BASELINE, BASELINE, CANDIDATE, CANDIDATE]
    baseline, candidate = (made.arms.modules[arm].given for arm in (BASELINE, CANDIDATE))
    assert all(torch.equal(one, two) for one, two in zip(baseline[:6], candidate[:6], strict=True))


def test_a_visit_calls_almost_the_same_input_then_a_fresh_one_then_that_again(inputs):
    made = prober(inputs, Sums())
    made.probe(0.0, {BASELINE: 0.001, CANDIDATE: 0.001})
    almost, fresh, again = made.arms.modules[CANDIDATE].given
    assert torch.equal(fresh, again)
    assert int((almost != fresh).sum()) == 1


def test_no_probe_shows_a_document_that_was_scored_so_answers_kept_anywhere_are_of_no_use(inputs):
    made = prober(inputs, Sums(), examples=2, calls=3)
    made.probe(100.0, {BASELINE: 0.001, CANDIDATE: 0.001})
    documents = {tuple(row) for row in inputs.ids.tolist()}
    shown = [tuple(row) for given in made.arms.modules[CANDIDATE].given for row in given.tolist()]
    assert len(shown) > 20
    assert not documents & set(shown)


@pytest.mark.parametrize("length", [16, 64, 510])
def test_no_quarter_of_what_probes_show_is_of_one_document_and_no_fourth_token_of_a_longer_text(length):
    one, two = torch.arange(length).repeat(2, 1), 1000 + torch.arange(length).repeat(2, 1)
    for seed in range(20):
        mixed = in_turns(Batch(one, torch.ones_like(one)), Batch(two, torch.ones_like(two)), random.Random(seed)).ids
        assert mixed[:, [0, -1]].tolist() == one[:, [0, -1]].tolist()
        quarter = length // 4 + 1
        parts = [mixed[0, place : place + quarter] for place in range(1, length - quarter)]
        for part in parts + [mixed[0, start::4] for start in range(4) if length >= 64]:
            assert {int(token) >= 1000 for token in part} == {False, True}


def test_of_documents_of_different_length_only_what_both_have_is_mixed():
    one, two = torch.arange(12).repeat(1, 1), 1000 + torch.arange(8).repeat(1, 1)
    masks = torch.ones_like(one), torch.ones_like(two)
    masks[0][0, 10:] = 0
    masks[1][0, 6:] = 0
    mixed = in_turns(Batch(one, masks[0]), Batch(two, masks[1]), random.Random(0))
    assert torch.equal(mixed.mask, masks[0])
    changed = (mixed.ids != one).flatten().nonzero().flatten().tolist()
    assert changed
    assert set(changed) <= set(range(1, 6))


def test_without_a_budget_there_is_one_round_and_no_further_position(inputs):
    made = prober(inputs, Sums())
    made.probe(0.0, {BASELINE: 1.0, CANDIDATE: 1.0})
    assert len(made.visits) == 2
    assert made.tried == 1


def test_rows_that_do_not_touch_each_other_are_perturbed_together_and_others_one_by_one(inputs):
    apart, touching = prober(inputs, Sums(), 4), prober(inputs, Sums(touching=True), 4)
    for each in (apart, touching):
        each.probe(100.0, {BASELINE: 0.001, CANDIDATE: 0.001})
    assert not apart.alone
    assert touching.alone
    assert touching.tried == 6


def test_a_candidate_that_reads_half_is_blind_to_the_other_half_and_an_honest_one_to_nothing(inputs):
    half, whole = prober(inputs, Sums(reads=LENGTH // 2), 1), prober(inputs, Sums(), 1)
    for _ in range(10):
        for each in (half, whole):
            each.tried = 0
            each.probe(100.0, {BASELINE: 0.001, CANDIDATE: 0.001})
    found, honest = half.tally.result(), whole.tally.result()
    assert 0.3 < found.blind / found.felt < 0.7
    assert (honest.blind, honest.felt > 40) == (0, True)


def test_what_is_declared_not_to_reach_the_first_layer_is_kept_beside_what_was_seen(inputs):
    made = prober(inputs, Sums(), 1, Declares())
    made.probe(100.0, {BASELINE: 0.001, CANDIDATE: 0.001})
    assert made.tally.result().left_out_share == 0.5


def test_an_output_that_changes_after_its_call_is_late(inputs):
    class Later(Sums):
        def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
            self.last = super().forward(ids, mask)
            return self.last

    candidate = Later()
    made = prober(inputs, candidate)
    made.clocks = Clocks(
        ticking().__next__, lambda: 0.0, sleep=lambda _: candidate.last.mul_(3) if hasattr(candidate, "last") else None
    )
    with torch.inference_mode():
        made.probe(0.0, {BASELINE: 0.001, CANDIDATE: 0.001})
    errors = {visit.arm: visit.late_error for visit in made.visits}
    assert (errors[BASELINE], errors[CANDIDATE]) == (0.0, pytest.approx(2.0))


def test_a_candidate_that_fails_when_nobody_times_it_is_named(inputs):
    class Fails(nn.Module):
        def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
            raise RuntimeError("not timed")

    with pytest.raises(ArmError, match="not timed") as raised:
        prober(inputs, Fails()).probe(0.0, {BASELINE: 0.001, CANDIDATE: 0.001})
    assert (raised.value.stage, raised.value.arm) == ("probe", CANDIDATE)


def test_another_token_is_one_that_stands_there_in_some_document(inputs):
    batch = inputs.batch([0, 1])
    place, token = another_token(inputs, batch, 1, random.Random(0))
    assert token in inputs.ids[:, place]
    changed = replaced(batch, 1, place, token)
    assert int((changed.ids != batch.ids).sum()) == 1


def test_documents_that_are_all_alike_offer_no_other_token(inputs):
    inputs.ids = np.zeros((40, LENGTH), dtype=np.int64)
    assert another_token(inputs, inputs.batch([0]), 0, random.Random(0)) is None
    made = prober(inputs, Sums(), 1)
    made.probe(100.0, {BASELINE: 0.001, CANDIDATE: 0.001})
    assert made.tally.result() is None


def test_a_position_that_the_baseline_does_not_feel_counts_for_nothing():
    tally = Tally()
    tally.add(0.0, 0.0, 0.0)
    assert tally.result() is None
    tally.add(0.2, 0.0, 0.0)
    tally.add(None, 0.1, 0.0)
    assert (tally.result().felt, tally.result().blind) == (2, 1)


def test_how_far_an_output_moved_is_told_row_by_row():
    steps = moved(torch.tensor([[1.0, 2.0], [0.0, 4.0]]), torch.tensor([[1.0, 2.0], [2.0, 4.0]]))
    assert steps.tolist() == [0.0, 0.5]


def test_the_baseline_is_clocked_by_the_same_calls_before_and_after(inputs):
    baseline = Sums()
    first = Acquaintance([inputs.batch([i]) for i in range(3)], Clocks(ticking().__next__, lambda: 0.0))
    first.meet(baseline)
    before = len(baseline.given)
    found = first.meet_again(baseline)
    assert len(found.before_s) == len(found.after_s) == 3
    assert all(torch.equal(a, b) for a, b in zip(baseline.given[:before], baseline.given[before:], strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_one_session_in_three_meets_the_baseline_first(seed):
    assert sum(meets_baseline_first(session, seed) for session in range(9)) == 3


def test_clocks_settle_the_device_before_the_first_call_and_after_each() -> None:
    from ace.measure.board import settling
    from ace.measure.timing import nothing, time_calls

    told: list[str] = []

    def says(text: str, value: float = 0.0) -> Callable[..., float]:
        return lambda *_: told.append(text) or value

    clocks = Clocks(says("wall"), says("cpu"), time.sleep, says("settle"))
    time_calls(says("call"), [Batch(0, 0)] * 2, clocks)
    assert told == ["settle", "cpu", "wall", "call", "settle", "call", "settle", "wall", "cpu"]
    assert settling("cpu") is nothing
    assert settling("cuda:0") is torch.cuda.synchronize


def test_patches_of_a_picture_are_replaced_and_the_class_token_counts_for_nothing(tmp_path):
    rng = np.random.default_rng(0)
    packed = rng.integers(0, 2**16, (30, 5))  # four pixels of 16 levels each
    np.save(tmp_path / "ids.npy", packed)
    np.save(tmp_path / "mask.npy", np.ones_like(packed))
    inputs = Inputs(tmp_path, rng)
    model = Vision(5, 4, 3, 32, 1, 1).eval()
    randomised(model, 0, 0.3)
    made = prober(inputs, model, 1)
    made.arms.modules[BASELINE] = model
    for _ in range(5):
        made.tried = 0
        made.probe(100.0, {BASELINE: 0.001, CANDIDATE: 0.001})
    found = made.tally.result()
    assert found.blind == 0
    assert 15 < found.felt < 30
