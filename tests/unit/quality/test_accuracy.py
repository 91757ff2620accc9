import numpy as np
import pytest

from ace.errors import EvidenceError, PlanError
from ace.quality.accuracy import answers
from ace.quality.scoring import score
from tests.unit.quality.test_probe import Labelled

LABELS = np.array([0, 1, 2, 2])
LOGITS = np.array([[2, 0, 1], [0, 3, 1], [0, 1, 0], [0, 0, 9]], dtype=np.float32)


def test_the_largest_logit_is_the_answer():
    assert answers(LOGITS, LABELS).tolist() == [0, 1, 1, 2]


def test_both_arms_are_scored_by_their_own_logits_and_chance_is_the_commonest_label():
    made = score(LOGITS, LOGITS[::-1].copy(), Labelled(LABELS), "accuracy")
    assert (made.baseline, made.candidate) == ((1, 1, 0, 1), (0, 1, 0, 0))
    assert made.chance == 0.5
    assert made.metric == "accuracy"


def test_outputs_that_are_no_logits_for_these_labels_are_refused():
    with pytest.raises(EvidenceError, match="are no logits"):
        answers(LOGITS[:, :2], LABELS)
    with pytest.raises(PlanError, match=r"split\.metric=bleu is refused; allowed: probe_accuracy, accuracy"):
        score(LOGITS, LOGITS, Labelled(LABELS), "bleu")


def test_an_output_that_is_not_finite_is_named_whatever_the_metric():
    spoiled = LOGITS.copy()
    spoiled[2, 1] = np.nan
    with pytest.raises(EvidenceError, match="candidate's output for document 2"):
        score(LOGITS, spoiled, Labelled(LABELS), "accuracy")
