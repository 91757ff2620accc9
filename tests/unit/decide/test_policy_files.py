from dataclasses import fields, replace

import pytest
import yaml

from ace.domain.policy import Policy
from ace.errors import PlanError
from tests.unit.decide import builders as b

FILES = sorted((b.ROOT / "conf" / "policy").glob("*.yaml"))


def test_the_three_policies_are_there():
    assert [path.stem for path in FILES] == ["exploratory", "near_term", "strict"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_threshold_is_declared_once_with_a_reason_beside_it(path):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert [line.split(":")[0] for line in lines] == [field.name for field in fields(Policy)]
    assert all("#" in line for line in lines if not line.startswith("name:"))
    assert Policy(**yaml.safe_load(path.read_text())).name == path.stem


def test_strict_asks_for_no_less_than_near_term_and_exploratory_for_no_more():
    exploratory, near_term, strict = (Policy(**yaml.safe_load(path.read_text())) for path in FILES)
    assert exploratory.delta <= near_term.delta <= strict.delta
    assert exploratory.quality_margin >= near_term.quality_margin >= strict.quality_margin
    assert exploratory.quality_min_examples <= near_term.quality_min_examples <= strict.quality_min_examples
    assert exploratory.alpha >= near_term.alpha >= strict.alpha


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("delta", 0.0),
        ("delta", 1.0),
        ("margin", 0.2),
        ("alpha", 0.5),
        ("alpha", 0.0),
        ("quality_margin", -0.1),
        ("quality_min_examples", 1),
        ("min_sessions", 1),
        ("imprecise_limit", 0.0),
        ("too_good_factor", 0.9),
        ("asymmetry_p", 0.0),
        ("resolution_s", float("nan")),
    ],
)
def test_an_impossible_threshold_is_refused_by_name(key, value):
    with pytest.raises(PlanError, match=rf"policy\.{key}="):
        replace(b.near_term(), **{key: value})
