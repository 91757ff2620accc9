from dataclasses import replace

from ace.domain.claim import claim_id, claim_label, claim_of
from tests import builders

WEIGHTS = (("model.safetensors", "53aa"),)


def test_weights_belong_to_the_claim_and_data_do_not():
    made = builders.record(sessions=1)
    other_data = replace(made, data=(("20newsgroups-test.tab", "34a4"),))
    other_weights = replace(made, weights=(("model.safetensors", "ffff"),))
    assert claim_of(other_data) == claim_of(made)
    assert claim_of(other_weights) != claim_of(made)


def test_an_executor_whose_source_changed_is_another_claim():
    plan = builders.plan()
    assert claim_id(plan, "source 1", WEIGHTS) != claim_id(plan, "source 2", WEIGHTS)


def test_hidden_size_and_depth_are_axes_within_a_claim():
    small = builders.plan(hidden=96, depth=2, pretrained=False)
    large = builders.plan(hidden=384, depth=6, pretrained=False)
    assert claim_id(small, "source", ()) == claim_id(large, "source", ())


def test_random_weights_are_no_evidence_for_the_pretrained_model():
    random = builders.plan(pretrained=False)
    assert claim_id(random, "source", ()) != claim_id(builders.plan(), "source", ())


def test_the_order_in_which_weights_were_read_does_not_matter():
    two = (("b.onnx", "2"), ("a.onnx", "1"))
    assert claim_id(builders.plan(), "source", two) == claim_id(builders.plan(), "source", two[::-1])


def test_the_label_names_the_idea_its_parameters_and_the_model():
    assert claim_label(builders.plan()) == "TokenPruning(keep_ratio=0.7) on minilm"
