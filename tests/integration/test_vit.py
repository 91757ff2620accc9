"""Digits as installed, the transformer on them, and what refuses to go together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ace.benchmarks import mnist
from ace.benchmarks.loading import check_benchmark, load_documents
from ace.errors import PlanError
from ace.executors.token_merging import TokenMerging
from ace.executors.token_pruning import TokenPruning
from ace.measure.witness import tokens_per_layer
from ace.models.loading import check_model, load_model, model_digests
from ace.models.vision import PatchEmbeddings
from ace.wiring import compose_config, plan_of
from tests.unit.executors.tiny import Batch

CELL = ["model=vit", "model.pretrained=false", "split=mnist_development", "seq_len=50", "executor.rivals=null"]


@pytest.fixture(scope="module")
def plan():
    return plan_of(compose_config(CELL))


def test_no_image_is_scored_twice_and_none_was_trained_on(plan, tmp_path: Path) -> None:
    sides = [
        load_documents(replace(plan.benchmark, split=split, target=f"ace.benchmarks.mnist.{side}"), 50, 0, tmp_path).ids
        for split, side in (("development", "development"), ("validation", "validation"), ("holdout", "sealed"))
    ]
    rows = [row.tobytes() for ids in (*sides, mnist.training()[0]) for row in ids]
    assert [len(ids) for ids in sides] == [1000, 1000, 1000]
    assert len(rows) == 5000
    assert len({*rows}) == 5000


def test_the_sealed_images_are_read_for_no_other_split(plan, tmp_path: Path) -> None:
    asked = replace(plan.benchmark, target="ace.benchmarks.mnist.sealed")
    with pytest.raises(PlanError, match="these documents are sealed"):
        load_documents(asked, 50, 0, tmp_path)


def test_a_patch_gives_back_the_pixels_that_were_packed_into_it() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28))
    embeddings = PatchEmbeddings(50, 16, 8)
    ids = torch.from_numpy(mnist.packed(images))
    pixels = ids[:, 1:].unsqueeze(-1) >> embeddings.shifts & 15
    assert np.array_equal(pixels[0, 0].view(4, 4), images[0, :4, :4] // 16)
    assert np.array_equal(pixels[1, 48].view(4, 4), images[1, 24:, 24:] // 16)
    assert np.array_equal(pixels[1, 8].view(4, 4), images[1, 4:8, 4:8] // 16)


@pytest.mark.parametrize("executor", [TokenPruning(0.7), TokenMerging(0.7)])
def test_executors_find_in_it_what_they_know_from_the_encoder(plan, executor, tmp_path: Path) -> None:
    model, documents = load_model(plan.model), load_documents(plan.benchmark, 50, 0, tmp_path)
    batch = Batch(torch.from_numpy(documents.ids[:3]), torch.from_numpy(documents.mask[:3]))
    made = executor.prepare(model, batch)
    assert made(batch.ids, batch.mask).shape == (3, 10)
    assert tokens_per_layer(made, batch) == executor.declares(batch).tokens_per_layer


def test_weights_that_nobody_trained_here_are_refused_with_the_command_that_trains_them(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("ACE_CACHE_DIR", str(tmp_path))
    with pytest.raises(PlanError, match=r"python -m ace\.cli\.train_vit hidden=64 depth=4"):
        check_model(replace(plan.model, pretrained=True))
    check_model(plan.model)
    assert model_digests(plan.model) == ()


@pytest.mark.parametrize(("model", "split"), [("vit", "development"), ("minilm", "mnist_development")])
def test_images_for_a_text_model_and_texts_for_an_image_model_are_refused(model: str, split: str) -> None:
    asked = plan_of(compose_config([f"model={model}", f"split={split}", "seq_len=50", "executor=identity"]))
    with pytest.raises(PlanError, match="is refused with model="):
        check_benchmark(asked.benchmark, asked.model)


def test_an_image_has_one_length(plan, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"seq_len=32 is refused; allowed: 50"):
        load_documents(plan.benchmark, 32, 0, tmp_path)
