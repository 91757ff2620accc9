"""The baseline spared its padding, one by one and in buckets: the same answers, and less computed."""

import pytest
import torch

from ace.domain.workload import Batch
from ace.errors import PlanError
from ace.executors.length_bucketed import LengthBucketed
from ace.executors.unpadded import Unpadded
from ace.measure.witness import dispatched
from tests.unit.executors.manners import assert_company_is_ignored, assert_good_manners
from tests.unit.executors.tiny import encoder

EXECUTORS = [Unpadded(), LengthBucketed(4), LengthBucketed(512)]


def ragged() -> Batch:
    """Five documents of 20, 3, 11, 4 and 20 tokens, padded at the end."""
    lengths = torch.tensor([20, 3, 11, 4, 20])
    mask = (torch.arange(20) < lengths[:, None]).long()
    return Batch(torch.randint(5, 90, (5, 20), generator=torch.Generator().manual_seed(1)) * mask, mask)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_every_document_has_the_embedding_that_the_model_gives_it(executor):
    model, inputs = encoder(), ragged()
    embedded = executor.prepare(model, inputs)(inputs.ids, inputs.mask)
    torch.testing.assert_close(embedded, model(inputs.ids, inputs.mask), rtol=0, atol=1e-6)


def test_padding_is_not_computed_and_wider_buckets_compute_more_of_it():
    model, inputs = encoder(), ragged()
    flops = [dispatched(e.prepare(model, inputs), inputs)[0] for e in EXECUTORS]
    assert flops[0] <= flops[1] < flops[2] == dispatched(model, inputs)[0]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_sparing_the_padding_has_good_manners(executor):
    assert_good_manners(executor)
    assert_company_is_ignored(executor)


@pytest.mark.parametrize("tokens", [0, -1, 2.5, True, "32", None])
def test_a_bucket_of_no_width_is_refused_by_its_key(tokens):
    with pytest.raises(PlanError, match=r"executor\.bucket_tokens="):
        LengthBucketed(tokens)
