"""The executors on real weights and real documents: what they keep of an embedding."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.nn import functional

from ace.benchmarks.loading import load_documents
from ace.domain.plan import BenchmarkSpec, ModelSpec
from ace.domain.workload import Batch
from ace.executors.identity import Identity
from ace.executors.random_pruning import RandomPruning
from ace.executors.token_pruning import TokenPruning
from ace.models.loading import load_model


@pytest.fixture(scope="module", autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return load_model(ModelSpec("minilm", "ace.models.minilm.load", 384, 6, 12, 512, True, 0))


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    spec = BenchmarkSpec("validation", "20newsgroups-test", "ace.benchmarks.newsgroups.test", "probe_accuracy", 32)
    found = load_documents(spec, 64, 0, tmp_path_factory.getbasetemp() / "corpora")  # shared by all modules of one run
    return Batch(torch.from_numpy(found.ids), torch.from_numpy(found.mask))


@pytest.fixture(scope="module")
def dense(model: nn.Module, documents: Batch) -> torch.Tensor:
    return model(documents.ids, documents.mask)


def similarity(candidate: nn.Module, documents: Batch, dense: torch.Tensor) -> float:
    return float(functional.cosine_similarity(candidate(documents.ids, documents.mask), dense).mean())


def test_what_cls_attends_to_keeps_more_of_the_embedding_than_chance_does(model, documents, dense):
    attended = similarity(TokenPruning(0.7).prepare(model, documents), documents, dense)
    drawn = similarity(RandomPruning(0.7).prepare(model, documents), documents, dense)
    assert 0.99 > attended > 0.92
    assert drawn < attended - 0.05


def test_keeping_more_keeps_more(model, documents, dense):
    half, most = (similarity(TokenPruning(keep).prepare(model, documents), documents, dense) for keep in (0.5, 0.9))
    assert half < most


def test_a_copy_of_real_weights_embeds_alike_to_the_bit(model, documents, dense):
    candidate = Identity().prepare(model, documents)
    assert torch.equal(candidate(documents.ids, documents.mask), dense)
