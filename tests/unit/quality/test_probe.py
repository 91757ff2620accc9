from dataclasses import dataclass

import numpy as np
import pytest

from ace.errors import EvidenceError, PlanError
from ace.quality.probe import answers, cosine, stratified_folds
from ace.quality.scoring import score


@dataclass(frozen=True)
class Labelled:
    labels: np.ndarray
    labels_digest: str = "labels"
    inputs_digest: str = "inputs"


def clusters(n: int = 120, classes: int = 4, spread: float = 0.3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit embeddings around one direction per class, and their labels."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=n)
    embeddings = np.eye(16)[labels] + spread * random.normal(size=(n, 16))
    return (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32), labels


def cross_fitted(dense: np.ndarray, candidate: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 where the probe of the other folds was right, for each arm."""
    baseline, other = answers(dense, candidate, labels)
    return (baseline == labels).astype(float), (other == labels).astype(float)


def test_a_candidate_equal_to_dense_scores_the_same_on_every_example():
    dense, labels = clusters()
    baseline, candidate = cross_fitted(dense, dense.copy(), labels)
    assert np.array_equal(baseline, candidate)
    assert baseline.mean() > 0.8
    assert set(baseline) <= {0.0, 1.0}


def test_a_candidate_that_loses_the_information_loses_the_score():
    dense, labels = clusters()
    noise, _ = clusters(seed=9)
    baseline, candidate = cross_fitted(dense, noise, labels)
    assert candidate.mean() < baseline.mean() - 0.3


def test_a_probe_that_learns_by_heart_gains_nothing_because_it_is_scored_on_other_folds():
    random = np.random.default_rng(0)
    dense = random.normal(size=(200, 150)).astype(np.float32)  # enough dimensions to separate any labels
    labels = random.integers(2, size=200)
    baseline, _ = cross_fitted(dense, dense, labels)
    assert 0.35 < baseline.mean() < 0.65


def test_the_candidate_has_no_part_in_fitting_the_probe():
    dense, labels = clusters()
    noise, _ = clusters(seed=9)
    with_noise, _ = cross_fitted(dense, noise, labels)
    with_itself, _ = cross_fitted(dense, dense, labels)
    assert np.array_equal(with_noise, with_itself)


def test_folds_are_of_equal_size_and_every_class_is_spread_over_them():
    labels = np.repeat([0, 1, 2], [10, 25, 65])
    folds = stratified_folds(labels, 5)
    assert np.bincount(folds).tolist() == [20] * 5
    for label, size in enumerate([2, 5, 13]):
        assert np.bincount(folds[labels == label]).tolist() == [size] * 5


def test_a_class_with_fewer_examples_than_folds_is_scored_too():
    dense, labels = clusters()
    labels[:2] = 9
    baseline, _ = cross_fitted(dense, dense, labels)
    assert baseline.shape == (120,)


def test_cosine_is_one_to_itself_minus_one_to_the_opposite_and_zero_to_nothing():
    dense, _ = clusters(n=3)
    np.testing.assert_allclose(cosine(dense, 2 * dense), 1.0, rtol=1e-6)
    np.testing.assert_allclose(cosine(dense, -dense), -1.0, rtol=1e-6)
    assert cosine(dense, np.zeros_like(dense)).tolist() == [0.0] * 3


def test_quality_holds_both_arms_example_by_example_and_what_they_were_scored_on():
    dense, labels = clusters()
    quality = score(dense, dense, Labelled(labels), "probe_accuracy")
    assert quality.metric == "probe_accuracy"
    assert len(quality.baseline) == len(quality.candidate) == len(quality.cosine) == 120
    assert (quality.labels_digest, quality.inputs_digest) == ("labels", "inputs")


def test_an_unknown_metric_is_refused_by_its_key():
    dense, labels = clusters()
    with pytest.raises(PlanError, match=r"split.metric=macro_f1 is refused; allowed: probe_accuracy"):
        score(dense, dense, Labelled(labels), "macro_f1")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_embedding_that_is_not_finite_is_named_by_arm_and_document(bad):
    dense, labels = clusters()
    spoilt = dense.copy()
    spoilt[17, 3] = bad
    with pytest.raises(EvidenceError, match="candidate's output for document 17"):
        cross_fitted(dense, spoilt, labels)


def test_arms_of_different_shape_and_labels_that_are_all_alike_are_refused():
    dense, labels = clusters()
    with pytest.raises(EvidenceError, match="do not belong together"):
        cross_fitted(dense, dense[:-1], labels)
    with pytest.raises(EvidenceError, match="1 classes"):
        cross_fitted(dense, dense, np.zeros_like(labels))
