import time
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from ace.errors import EvidenceError
from ace.stats.correlation import CorrelationDifference, _correlations, _Ranked, correlation_difference

DOCUMENTS = 50


def pairs_of(places: np.ndarray) -> np.ndarray:
    """Similarity of every pair of documents: (n, dim) -> (pairs,)."""
    unit = places / np.linalg.norm(places, axis=1, keepdims=True)
    return (unit @ unit.T)[np.triu_indices(len(places), 1)]


def three(seed: int, damage: float, documents: int = DOCUMENTS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """People in coarse steps, a baseline near them, and a candidate whose documents were moved by `damage` more."""
    random = np.random.default_rng(seed)
    true = random.normal(size=(documents, 8))
    baseline = true + 0.3 * random.normal(size=true.shape)
    candidate = baseline + damage * random.normal(size=true.shape)
    return np.round(pairs_of(true), 1), pairs_of(baseline), pairs_of(candidate)


def made(*arrays, documents: int = DOCUMENTS, seed: int = 0, confidence: float = 0.95) -> CorrelationDifference | None:
    return correlation_difference(*arrays, documents, seed=seed, confidence=confidence)


def test_each_correlation_is_scipys_although_people_answer_in_steps():
    human, baseline, candidate = three(0, damage=0.5)
    found = made(human, baseline, candidate)
    assert found.baseline == pytest.approx(stats.spearmanr(human, baseline).statistic, abs=1e-12)
    assert found.candidate == pytest.approx(stats.spearmanr(human, candidate).statistic, abs=1e-12)
    assert found.difference == found.candidate - found.baseline


def test_a_draw_is_ranked_as_if_its_pairs_were_written_out_and_none_is_of_a_document_with_itself():
    human, baseline, candidate = (np.round(array, 1) for array in three(1, damage=0.5, documents=12))  # ties in all
    drawn = np.random.default_rng(2).integers(12, size=12)
    index = {pair: at for at, pair in enumerate(combinations(range(12), 2))}
    written_out = [index[min(i, j), max(i, j)] for i, j in combinations(drawn.tolist(), 2) if i != j]
    assert len(written_out) < len(index)
    counts = np.bincount(drawn, minlength=12)
    times = np.array([[counts[i] * counts[j] for i, j in index]], dtype=np.float64)
    found = _correlations([_Ranked.of(array) for array in (human, baseline, candidate)], times)[:, 0]
    for arm, correlation in zip((baseline, candidate), found, strict=True):
        expected = stats.spearmanr(human[written_out], arm[written_out]).statistic
        assert correlation == pytest.approx(expected, abs=1e-12)


def test_a_candidate_equal_to_the_baseline_differs_by_nothing_and_that_is_certain():
    human, baseline, _ = three(0, damage=0)
    found = made(human, baseline, baseline.copy())
    assert (found.difference, found.low, found.high) == (0, 0, 0)


def test_the_order_of_similarities_counts_and_their_scale_does_not():
    human, baseline, candidate = three(0, damage=0.5)
    assert made(human, baseline, candidate) == made(3 * human - 1, np.exp(baseline), candidate**3)


def test_a_candidate_that_forgets_the_documents_is_found_out():
    human, baseline, _ = three(0, damage=0)
    _, _, forgetful = three(9, damage=0)
    assert made(human, baseline, forgetful).high < -0.5


def test_arms_that_change_places_change_the_sign_and_nothing_else():
    human, baseline, candidate = three(3, damage=0.4)
    there, back = made(human, baseline, candidate), made(human, candidate, baseline)
    assert (there.difference, there.low, there.high) == pytest.approx((-back.difference, -back.high, -back.low))


def test_who_wants_to_be_surer_gets_a_wider_interval():
    arrays = three(3, damage=0.4)
    usual, surer = made(*arrays, confidence=0.95), made(*arrays, confidence=0.99)
    assert surer.low < usual.low < usual.difference < usual.high < surer.high


def test_the_same_seed_gives_the_same_interval_and_another_seed_nearly():
    arrays = three(3, damage=0.4)
    assert made(*arrays) == made(*arrays)
    other = made(*arrays, seed=1)
    assert other.low != made(*arrays).low
    assert other.low == pytest.approx(made(*arrays).low, abs=0.01)


def test_numbering_the_documents_otherwise_moves_the_interval_by_no_more_than_another_seed_does():
    human, baseline, candidate = three(3, damage=0.4)
    order = np.random.default_rng(0).permutation(DOCUMENTS)
    above = np.triu_indices(DOCUMENTS, 1)

    def renumbered(pairs: np.ndarray) -> np.ndarray:
        square = np.zeros((DOCUMENTS, DOCUMENTS))
        square[above] = pairs
        return (square + square.T)[np.ix_(order, order)][above]

    first, second = made(human, baseline, candidate), made(*map(renumbered, (human, baseline, candidate)))
    assert second.difference == pytest.approx(first.difference, abs=1e-12)
    assert (second.low, second.high) == pytest.approx((first.low, first.high), abs=0.01)


def test_fewer_than_ten_documents_tell_nothing():
    assert made(*three(0, damage=0.4, documents=9), documents=9) is None
    assert made(*three(0, damage=0.4, documents=10), documents=10) is not None


@pytest.mark.parametrize("which", [0, 1, 2])
def test_an_array_that_never_varies_is_no_evidence_rather_than_a_correlation_of_zero(which):
    arrays = list(three(0, damage=0.4))
    arrays[which] = np.full_like(arrays[which], 0.5)
    assert made(*arrays) is None


def test_people_who_tell_one_pair_only_from_the_others_are_no_evidence():
    human, baseline, candidate = three(0, damage=0.4)
    lonely = np.zeros_like(human)
    lonely[7] = 1  # most draws have one of its two documents only
    assert made(lonely, baseline, candidate) is None


def test_pairs_that_do_not_belong_to_the_documents_are_refused_by_name():
    human, baseline, candidate = three(0, damage=0.4)
    with pytest.raises(EvidenceError, match=r"candidate has shape \(1224,\); 50 documents make 1225 pairs"):
        made(human, baseline, candidate[1:])
    with pytest.raises(EvidenceError, match=r"human: .*one number for each pair"):
        made([[0.1], [0.2, 0.3]], baseline, candidate)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_pair_without_a_finite_number_is_named(bad):
    human, baseline, candidate = three(0, damage=0.4)
    baseline[17] = bad
    with pytest.raises(EvidenceError, match="baseline: pair 17 is not finite"):
        made(human, baseline, candidate)


def test_a_reversed_interval_cannot_be_written_down():
    with pytest.raises(ValueError, match="reversed or NaN"):
        CorrelationDifference(0.5, 0.4, -0.1, 0.1, -0.2)


def test_the_interval_covers_at_least_as_often_as_it_says():
    # the truth by symmetry: two arms equally far from people
    def covers(seed: int) -> bool:
        random = np.random.default_rng(seed)
        true = random.normal(size=(30, 8))
        arms = [pairs_of(true + 0.5 * random.normal(size=true.shape)) for _ in range(2)]
        found = correlation_difference(pairs_of(true), *arms, 30, seed=seed, confidence=0.9, resamples=300)
        return found.low <= 0 <= found.high

    assert np.mean([covers(seed) for seed in range(100)]) >= 0.87


def test_fifty_documents_take_well_under_a_second_and_a_half_of_cpu_time():
    arrays = three(0, damage=0.4)
    start = time.process_time()
    made(*arrays)
    assert time.process_time() - start < 1.5
