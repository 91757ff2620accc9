from dataclasses import replace

import numpy as np
import pytest

from ace.decide.quality import difference, settled_by
from ace.domain.finding import Outcome
from tests.unit.decide import builders as b

POLICY = b.near_term()


def test_the_interval_is_students_over_examples_and_the_bound_is_inside_it():
    scores = b.scored(-0.01, n=1000)
    found = difference(scores, 0.05, POLICY)
    per_example = np.array(scores.candidate) - np.array(scores.baseline)
    assert found.difference == pytest.approx(-0.01)
    assert found.high - found.difference == pytest.approx(1.9623 * per_example.std(ddof=1) / 1000**0.5, rel=1e-4)
    assert found.low < found.lcb < found.difference


@pytest.mark.parametrize(
    ("loss", "n", "outcome"),
    [
        (-0.007, 1000, Outcome.PASS),
        (-0.10, 1000, Outcome.FAIL),
        (-0.025, 1000, Outcome.NO_EVIDENCE),  # the margin lies inside the interval
        (0.0, 250, Outcome.NO_EVIDENCE),  # too few to say, however good they look
        (-0.10, 250, Outcome.NO_EVIDENCE),
    ],
)
def test_three_answers_by_the_bound_and_none_for_few_examples(loss, n, outcome):
    assert difference(b.scored(loss, n, changed=max(0.06, -loss)), 0.05, POLICY).outcome is outcome


def test_identical_answers_pass_with_no_width():
    found = difference(b.scored(0.0, changed=0.0), 0.05, POLICY)
    assert (found.low, found.high, found.outcome) == (0.0, 0.0, Outcome.PASS)


def test_one_example_says_nothing():
    assert difference(b.scored(0.0, n=1), 0.05, POLICY).outcome is Outcome.NO_EVIDENCE


def test_of_scores_of_unnamed_documents_more_settle_what_fewer_left_open_and_among_equals_the_worst_counts():
    few, many = b.scored(-0.025, 1000), b.scored(-0.007, 4000)
    records = [replace(b.record(), quality=q, documents=(), slices=()) for q in (many, few)]
    assert settled_by(records, 0.05, POLICY).n == 4000
    good, bad = b.scored(0.0), b.scored(-0.02)
    records = [replace(b.record(), quality=q, documents=(), slices=()) for q in (good, bad)]
    assert settled_by(records, 0.05, POLICY).difference == pytest.approx(-0.02)


def test_nothing_scored_is_none():
    assert settled_by([b.record(loss=None)], 0.05, POLICY) is None


def test_where_the_baseline_knows_nothing_there_is_nothing_to_lose_and_nothing_passes():
    guessing = replace(b.scored(0.0), chance=0.74)
    assert difference(b.scored(0.0), 0.05, POLICY).outcome is Outcome.PASS
    assert difference(guessing, 0.05, POLICY).outcome is Outcome.NO_EVIDENCE
