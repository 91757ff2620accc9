"""A cell that is measured again knows more about its quality, not less, and no document counts twice."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ace.decide.quality import settled_by
from ace.decide.scores import joined, scores_of
from ace.domain.finding import Outcome
from ace.domain.quality import Agreement, Slices
from tests.unit.decide import builders as b

POLICY = b.near_term()
N = 1000


def drawn(loss: float, first: int, n: int = N, changed: float = 0.06, **other):
    """A measurement that scored documents `first` and the following."""
    names = tuple(f"{i:012x}" for i in range(first, first + n))
    return replace(b.record(), quality=b.scored(loss, n, changed=changed), documents=names, slices=(), **other)


def test_looking_again_at_other_documents_settles_what_was_open_though_each_look_costs():
    looks = [drawn(-0.015, N * i) for i in range(4)]
    once, four = settled_by(looks[:1], POLICY.alpha / 4, POLICY), settled_by(looks, POLICY.alpha / 4, POLICY)
    assert (once.outcome, four.outcome) == (Outcome.NO_EVIDENCE, Outcome.PASS)
    assert (four.n, four.difference) == (4 * N, pytest.approx(-0.015))


def test_looking_again_at_the_same_documents_is_no_new_evidence():
    looks = [drawn(-0.015, 0)] * 4
    assert settled_by(looks, POLICY.alpha, POLICY) == settled_by(looks[:1], POLICY.alpha, POLICY)


def test_a_loss_that_one_measurement_shows_is_not_diluted_by_others():
    looks = [drawn(0.0, 0, 4000), drawn(-0.10, 4000, changed=0.2)]
    found = settled_by(looks, POLICY.alpha, POLICY)
    assert (found.outcome, found.n) == (Outcome.FAIL, N)


def test_a_loss_that_no_measurement_alone_can_show_is_shown_by_all_together():
    looks = [drawn(-0.04, N * i, changed=0.1) for i in range(8)]
    alone = [settled_by([look], POLICY.alpha, POLICY).outcome for look in looks]
    assert set(alone) == {Outcome.NO_EVIDENCE}
    assert settled_by(looks, POLICY.alpha, POLICY).outcome is Outcome.FAIL


def test_measurements_that_do_not_name_their_documents_are_not_put_together():
    looks = [replace(drawn(loss, N * i), documents=()) for i, loss in enumerate((0.0, -0.015))]
    found = settled_by(looks, POLICY.alpha, POLICY)
    assert (found.n, found.difference) == (N, pytest.approx(-0.015))


def test_a_benchmark_with_another_metric_is_not_put_together():
    looks = [drawn(0.0, 0), drawn(0.0, N)]
    other = replace(looks[1], quality=replace(looks[1].quality, metric="accuracy"))
    assert [len(s.quality.baseline) for s in joined([scores_of(r, r.quality) for r in (looks[0], other)])] == [N, N]


def test_two_documents_of_one_text_stay_two_examples():
    record = replace(drawn(0.0, 0, 4), documents=("a", "a", "b", "a"))
    other = replace(drawn(0.0, 0, 3), documents=("a", "a", "c"))
    [together] = joined([scores_of(r, r.quality) for r in (record, other)])
    assert together.documents == ("a", "a", "b", "a", "c")


def test_parts_follow_their_documents():
    first = replace(drawn(0.0, 0, 4), slices=(Slices("class", ("x", "y"), (0, 1, 0, 1)),))
    second = replace(drawn(0.0, 2, 4), slices=(Slices("class", ("x", "y"), (0, 1, 1, 1)),))
    [together] = joined([scores_of(r, r.quality) for r in (first, second)])
    assert together.slices == (Slices("class", ("x", "y"), (0, 1, 0, 1, 1, 1)),)


def test_thirds_with_other_bounds_are_not_mixed():
    first = replace(drawn(0.0, 0, 2), slices=(Slices("length", ("1 to 8", "9 to 16"), (0, 1)),))
    second = replace(drawn(0.0, 2, 2), slices=(Slices("length", ("1 to 7", "8 to 16"), (0, 1)),))
    [together] = joined([scores_of(r, r.quality) for r in (first, second)])
    assert together.slices == ()


def test_of_a_document_that_was_scored_twice_the_largest_distance_between_the_arms_is_kept():
    def told(error: float, same: int):
        scores = replace(b.scored(0.0, 1), agreement=Agreement("float32", (error,), (2.0,), (same,)))
        return replace(b.record(), quality=scores, documents=("a",), slices=())

    [together] = joined([scores_of(r, r.quality) for r in (told(1e-6, 1), told(3e-6, 0), told(2e-6, 1))])
    assert together.quality.agreement == Agreement("float32", (3e-6,), (2.0,), (0,))


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=8, unique=True), min_size=2, max_size=4))
def test_the_mean_over_distinct_documents_does_not_depend_on_how_often_each_was_scored(draws):
    truth = np.linspace(0, 1, 10)

    def measured(chosen):
        scores = replace(
            b.scored(0.0, len(chosen)), baseline=(1.0,) * len(chosen), candidate=tuple(float(truth[i]) for i in chosen)
        )
        return replace(b.record(), quality=scores, documents=tuple(map(str, chosen)), slices=())

    [together] = joined([scores_of(r, r.quality) for r in map(measured, draws)])
    distinct = sorted({i for chosen in draws for i in chosen})
    assert len(together.quality.baseline) == len(distinct)
    assert np.mean(together.quality.candidate) == pytest.approx(np.mean(truth[distinct]))
