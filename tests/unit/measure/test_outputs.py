import sys

import pytest
import torch

from ace.measure.failing import ArmError, foreign_code
from ace.measure.outputs import relative_error, require_embedding


class Lazy(torch.Tensor):
    """Would compute when somebody looks."""


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (None, "NoneType"),
        ([1.0], "list"),
        (torch.zeros(2, 4).as_subclass(Lazy), "Lazy"),
        (torch.zeros(2, 4, dtype=torch.float64), "float64"),
        (torch.zeros(2, 5), "shape (2, 5)"),
        (torch.zeros(2, 2, 4), "shape (2, 2, 4)"),
        (torch.full((2, 4), float("nan")), "NaN"),
        (torch.full((2, 4), float("inf")), "infinite"),
    ],
)
def test_anything_but_a_finite_float32_embedding_is_refused_by_name(output: object, said: str) -> None:
    with pytest.raises(ArmError, match="candidate arm returned") as raised:
        require_embedding(output, 2, 4, "timing", "candidate")
    assert said in raised.value.detail
    assert raised.value.kind == "invalid output"


def test_a_proper_embedding_passes_through_untouched() -> None:
    output = torch.ones(2, 4)
    assert require_embedding(output, 2, None, "timing", "candidate") is output


def test_the_error_is_relative_to_the_largest_reference_value() -> None:
    assert relative_error(torch.tensor([[2.0, 1.0]]), torch.tensor([[2.0, 2.0]])) == 0.5


def test_whatever_foreign_code_raises_becomes_a_failure_that_names_stage_and_arm() -> None:
    with pytest.raises(ArmError) as raised, foreign_code("prepare", "candidate"):
        raise KeyError("missing")
    failure = raised.value.failure(3)
    assert (failure.session, failure.stage, failure.kind, failure.arm) == (3, "prepare", "raised", "candidate")
    assert "KeyError: 'missing'" in failure.detail


def test_foreign_code_that_asks_the_process_to_end_has_raised_like_any_other() -> None:
    with pytest.raises(ArmError) as raised, foreign_code("timing", "candidate"):
        sys.exit("enough")
    assert (raised.value.kind, "SystemExit: enough" in raised.value.detail) == ("raised", True)
