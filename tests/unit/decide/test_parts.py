"""Harm to a part of the documents is harm, and a part is not found harmed by chance."""

from dataclasses import replace

import numpy as np
import pytest

from ace.decide.gates.quality import quality
from ace.decide.quality import judged, settled_by
from ace.decide.scores import scores_of
from ace.domain.finding import Outcome
from ace.domain.quality import Quality, Slices
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, laid_out, the_fail

POLICY = b.near_term()
N, CLASSES = 1000, 20
OF = tuple(i % CLASSES for i in range(N))
BY_CLASS = Slices("class", tuple(f"c{i}" for i in range(CLASSES)), OF)


def lost(share: np.ndarray, rng: np.random.Generator) -> Quality:
    """A baseline that is always right and a candidate that loses `share` of each document's class."""
    candidate = (rng.random(N) >= share[np.array(OF)]).astype(float)
    return Quality("probe_accuracy", (1.0,) * N, tuple(candidate.tolist()), (0.9,) * N, 0.05, "labels", "inputs")


def measured(scores: Quality, *slices: Slices):
    made = b.honest(GAIN, b.plan())
    return replace(made, quality=scores, slices=slices, documents=tuple(str(i) for i in range(N)))


def test_a_candidate_that_fails_one_class_fails_however_good_its_average_is():
    share = np.zeros(CLASSES)
    share[3] = 0.3  # 1.5 points on average, within the margin of 3
    record = measured(lost(share, np.random.default_rng(0)), BY_CLASS)
    whole = settled_by([replace(record, slices=())], 0.05, POLICY)
    assert whole.outcome is Outcome.PASS
    found = settled_by([record], 0.05, POLICY)
    assert (found.outcome, found.worst.name, found.parts) == (Outcome.FAIL, "class c3", CLASSES)
    said = the_fail(quality(laid_out(b.stored(record)), POLICY))
    assert "harmed: class c3" in said.evidence
    assert "of 20 parts" in said.evidence


def test_a_loss_of_the_whole_margin_in_every_part_is_called_harm_to_a_part_in_at_most_one_of_twenty():
    share = np.full(CLASSES, POLICY.quality_margin)
    rng = np.random.default_rng(1)
    records = [measured(lost(share, rng), BY_CLASS) for _ in range(300)]
    found = [judged(scores_of(r, r.quality), 0.05, POLICY) for r in records]
    false = sum(answer.worst.ucb < -POLICY.quality_margin for answer in found)
    assert false <= 0.05 * len(found) + 2 * np.sqrt(0.05 * 0.95 * len(found))


def test_two_documents_are_no_part():
    of = (0, 0, *(1,) * (N - 2))
    scores = replace(lost(np.zeros(CLASSES), np.random.default_rng(0)), candidate=(0.0, 0.0, *(1.0,) * (N - 2)))
    found = settled_by([measured(scores, Slices("class", ("rare", "common"), of))], 0.05, POLICY)
    assert (found.outcome, found.parts) == (Outcome.PASS, 1)


def test_without_harm_the_part_with_the_lowest_mean_is_shown():
    share = np.zeros(CLASSES)
    share[7] = 0.05
    found = settled_by([measured(lost(share, np.random.default_rng(2)), BY_CLASS)], 0.05, POLICY)
    assert (found.worst.name, found.outcome) == ("class c7", Outcome.PASS)


def test_a_benchmark_may_allow_less_than_the_policy():
    scores = b.scored(-0.015)
    record = measured(scores)
    strict = replace(record, plan=replace(record.plan, benchmark=replace(record.plan.benchmark, margin=0.001)))
    assert settled_by([record], 0.05, POLICY).outcome is Outcome.PASS
    assert settled_by([strict], 0.05, POLICY).outcome is Outcome.FAIL


@pytest.mark.parametrize("of", [(0, 2), (-1, 0)])
def test_slices_name_only_parts_that_they_have(of):
    with pytest.raises(ValueError, match="no such part"):
        Slices("class", ("a", "b"), of)
