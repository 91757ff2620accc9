from dataclasses import replace

import pytest

from ace.domain.plan import ModelSpec
from ace.errors import PlanError
from ace.models.loading import check_model, load_model, model_digests

MINILM = ModelSpec("minilm", "ace.models.minilm.load", 384, 6, 12, 512, True, 0)
RANDOM = ModelSpec("encoder", "ace.models.random_encoder.load", 32, 2, 1, 16, False, 0)


def test_a_target_is_imported_by_its_path():
    assert len(load_model(RANDOM).layers) == 2


@pytest.mark.parametrize(
    "target", ["ace.models.no_such.load", "ace.models.minilm.no_such", "no_such_package.load", "x"]
)
def test_an_unknown_target_is_refused_by_name(target):
    with pytest.raises(PlanError, match=f"model._target_={target} is refused"):
        check_model(replace(MINILM, target=target))


@pytest.mark.parametrize(("key", "value"), [("hidden", 768), ("depth", 12), ("heads", 6), ("positions", 1024)])
def test_pretrained_weights_refuse_sizes_they_do_not_have_and_name_the_model_that_has_them(key, value):
    with pytest.raises(PlanError, match=f"{key}={value} is refused.*model=encoder"):
        check_model(replace(MINILM, **{key: value}))


def test_random_weights_cannot_be_announced_as_pretrained():
    with pytest.raises(PlanError, match="pretrained=True is refused"):
        check_model(replace(RANDOM, pretrained=True))


def test_pretrained_weights_are_named_by_their_digest_and_random_ones_have_none():
    ((name, sha256),) = model_digests(MINILM)
    assert name == "model.safetensors"
    assert sha256.startswith("53aa51172d142c89")
    assert model_digests(RANDOM) == ()
