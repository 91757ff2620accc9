import math
from dataclasses import replace

import pytest

from ace.tracking import names
from ace.tracking.describe import cell_params, cell_tags, energy_tags, refused_metric, refused_provenance, run_name
from tests import builders
from tests.unit.decide.powered import CONSTANT, PACKAGES, powered
from tests.unit.decide.test_energy import NOTHING


def tags_of(**plan_changes):
    made = builders.record(of=builders.plan(**plan_changes), sessions=1)
    return cell_tags(made.plan, made.attempt, made.code, made.weights, "key")


def test_every_sweep_axis_is_a_numeric_param():
    params = cell_params(builders.plan(seq_len=128, batch=4, seed=7))
    axes = ("seq_len", "batch", "hidden", "depth", "seed")
    assert [float(params[axis]) for axis in axes] == [128, 4, 384, 6, 7]


def test_executor_parameters_are_params_that_keep_lists_readable():
    params = cell_params(builders.plan(parameters=(("keep_ratio", 0.7), ("layers", (1, 3)), ("score", "cls"))))
    assert (params["executor.keep_ratio"], params["executor.layers"], params["executor.score"]) == (
        "0.7",
        "[1,3]",
        "cls",
    )


def test_a_param_too_long_for_mlflow_says_that_it_was_cut():
    long = cell_params(builders.plan(parameters=(("words", "x" * 10_000),)))["executor.words"]
    assert len(long) == names.PARAM_LIMIT
    assert long.endswith("(cut; 10000 characters)")


def test_a_text_that_fits_is_not_touched():
    assert names.clip("x" * 100, 100) == "x" * 100


def test_splits_and_shapes_share_a_claim_but_other_parameters_do_not():
    claim = tags_of()[names.CLAIM]
    assert tags_of(split="holdout", seq_len=256, batch=8, seed=3, sessions=4)[names.CLAIM] == claim
    assert tags_of(parameters=(("keep_ratio", 0.5),))[names.CLAIM] != claim


def test_every_tag_is_a_text_that_mlflow_accepts():
    tags = tags_of(parameters=(("words", "x" * 10_000),))
    assert all(isinstance(value, str) and len(value) <= names.TAG_LIMIT for value in tags.values())


def test_a_run_is_named_by_idea_model_split_and_shape():
    assert run_name(builders.plan()) == "TokenPruning minilm development 64x1"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_no_number_is_refused_by_name(value):
    assert "speed/gain_log is" in refused_metric({"speed/gain_log": value})


@pytest.mark.parametrize("name", ["gain", "Speed/gain", "a/b/c", "speed/gain [s]", "speed/"])
def test_a_metric_outside_the_naming_scheme_is_refused(name):
    assert name in refused_metric({name: 1.0})


def test_a_metric_without_provenance_is_refused_by_name():
    assert "speed/b_s" in refused_provenance({"speed/a_s": 1.0, "speed/b_s": 1.0}, {"speed/a_s": "measured"})


def test_provenance_too_long_for_a_tag_is_refused_rather_than_cut():
    metrics = {f"speed/metric{i}_s": 1.0 for i in range(500)}
    assert "8000" in refused_provenance(metrics, dict.fromkeys(metrics, "measured/perf_counter"))
    assert refused_metric(metrics) is None


def test_a_run_says_where_its_energy_is_from_or_why_each_source_gave_none():
    bare = builders.record(sessions=2)
    assert energy_tags(bare) == {}
    silent = energy_tags(replace(bare, energy_sources=(NOTHING,)))
    assert silent[names.ENERGY_GRADE] == "NO_EVIDENCE"
    assert silent[names.ENERGY_TRIED] == "rapl: no permission"
    assert energy_tags(powered(PACKAGES)(bare))[names.ENERGY_SIMULATED] == "false"
    declared = energy_tags(powered(CONSTANT)(bare))
    assert (declared[names.ENERGY_GRADE], declared[names.ENERGY_SIMULATED]) == ("OVERRIDE", "true")
