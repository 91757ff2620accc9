import json
import math
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ace.domain.canonical import canonical_json
from ace.domain.decode import decode, freeze
from ace.domain.finding import Outcome
from ace.domain.plan import ExecutorSpec, Shape
from ace.domain.record import CellRecord, record_digest, record_text
from ace.domain.serial import LATER, canonical_text, encode
from ace.domain.session import Session
from ace.errors import EvidenceError, PlanError
from tests import builders


@dataclass(frozen=True)
class Branch:
    name: str
    twigs: tuple["Branch", ...]


def test_a_record_survives_its_json_unchanged() -> None:
    made = builders.record(0.1)
    again = decode(CellRecord, json.loads(record_text(made)))
    assert again == made
    assert record_digest(again) == record_digest(made)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(extra=1), "unknown field 'extra'"),
        (lambda d: d.pop("plan"), "lacks the field 'plan'"),
        (lambda d: d["plan"]["shape"].update(batch="two"), r"\$.plan.shape.batch: expected int, got 'two'"),
        (
            lambda d: d["sessions"][3]["timings"][0]["wall_s"].__setitem__(2, None),
            r"sessions\[3\].timings\[0\].wall_s\[2\]",
        ),
        (lambda d: d["sessions"][3]["timings"][0]["wall_s"].__setitem__(2, -1.0), "not positive"),
        (lambda d: d["sessions"][0]["timings"].pop(), r"sessions\[0\]: .*order does not name the arms"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_at_its_place(change: object, said: str) -> None:
    data = encode(builders.record(0.1, sessions=6))
    change(data)  # type: ignore[operator]
    with pytest.raises(EvidenceError, match=said):
        decode(CellRecord, data)


def test_a_boolean_is_not_a_number() -> None:
    with pytest.raises(EvidenceError, match="expected int"):
        decode(Shape, {"seq_len": True, "batch": 1, "hidden": 384, "depth": 6})


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        (tuple[int, ...], [1, True], r"\$\[1\]: expected int, got True"),
        (tuple[str, ...], ["a", 1], r"\$\[1\]: expected str, got 1"),
        (tuple[float, ...], [1.0, math.nan], r"\$\[1\]: expected float, got nan"),
        (tuple[float, ...], [1.0, 2**60], r"\$\[1\]: expected float, got 11529"),
        (tuple[tuple[str, float], ...], [["a", 1.0], ["b"]], r"\$\[1\]: expected 2 items, got 1"),
        (tuple[tuple[str, float], ...], [["a", "b"]], r"\$\[0\]\[1\]: expected float, got 'b'"),
        (tuple[int, ...], "12", r"\$: expected a list, got '12'"),
        (int | str | None, 1.5, r"\$: expected str, got 1.5"),
        (Outcome, "MAYBE", r"\$: 'MAYBE' is not a valid Outcome"),
        (ExecutorSpec, {"target": "a.B", "parameters": [["k", math.inf]]}, r"\$.parameters\[0\]\[1\]: float inf"),
        (ExecutorSpec, {"target": "B", "parameters": []}, r"\$: not a valid ExecutorSpec: executor._target_=B"),
    ],
)
def test_what_looks_nearly_right_is_refused_at_its_very_place(kind: Any, data: object, said: str) -> None:
    with pytest.raises(EvidenceError, match=said):
        decode(kind, data)


def test_a_whole_number_of_json_is_a_float_where_one_is_due() -> None:
    made = decode(tuple[float, ...], [1, 2.5])
    assert made == (1.0, 2.5)
    assert [type(item) for item in made] == [float, float]


def test_a_kind_may_hold_its_own_kind() -> None:
    assert decode(Branch, {"name": "a", "twigs": [{"name": "b", "twigs": []}]}) == Branch("a", (Branch("b", ()),))
    with pytest.raises(EvidenceError, match=r"\$.twigs\[0\]: Branch lacks the field 'twigs'"):
        decode(Branch, {"name": "a", "twigs": [{"name": "b"}]})


def test_the_same_session_index_twice_is_no_record() -> None:
    made = builders.record(0.1, sessions=6)
    sessions: tuple[Session, ...] = (made.sessions[0], made.sessions[0])
    with pytest.raises(ValueError, match="twice"):
        replace(made, sessions=sessions)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"batch": 0}, "batch=0 is refused; allowed: 1 or more"),
        ({"seq_len": 2}, "seq_len=2 is refused"),
        ({"seq_len": 513}, "seq_len=513 is refused; allowed: at most 512, the positions of model minilm"),
    ],
)
def test_an_impossible_shape_names_the_key_the_value_and_what_is_allowed(values: dict[str, int], said: str) -> None:
    with pytest.raises(PlanError, match=said):
        builders.plan(**values)  # type: ignore[arg-type]


def test_the_digest_of_a_plan_moves_with_every_part_of_it() -> None:
    plans = [
        builders.plan(),
        builders.plan(batch=2),
        builders.plan(split="validation"),
        builders.plan(sessions=20),
        builders.plan(parameters=(("keep_ratio", 0.5),)),
    ]
    assert len({plan.digest for plan in plans}) == len(plans)


def test_parameters_are_frozen_and_read_like_a_call() -> None:
    spec = ExecutorSpec("my.pkg.Idea", freeze({"layers": [1, 3], "keep": 0.5}))
    assert spec.short_name == "Idea(keep=0.5, layers=[1, 3])"
    assert hash(spec)


@dataclass(frozen=True)
class Grown:
    """A noun that had one field when the first of it were stored."""

    first: int | None
    second: int | None = field(default=None, metadata=LATER)


@pytest.mark.parametrize("stored", [{"first": 1}, {"first": None}, {"first": 1, "second": 2}])
def test_what_was_stored_before_a_field_came_is_written_as_it_was(stored: dict[str, int | None]) -> None:
    assert encode(decode(Grown, stored)) == stored


@pytest.mark.parametrize("changes", [{}, {"loss": None}, {"sessions": 1}])
def test_a_record_is_written_at_once_as_by_its_parts(changes: dict[str, Any]) -> None:
    made = builders.record(0.1, **changes)
    assert canonical_text(made) == canonical_json(encode(made))


def test_what_is_no_domain_value_is_not_written_at_once_either() -> None:
    with pytest.raises(TypeError, match="set is not a domain value"):
        canonical_text(ExecutorSpec("a.B", (("at", {1}),)))


def test_records_that_say_the_same_hold_it_once() -> None:
    one, other = (decode(CellRecord, json.loads(record_text(builders.record(0.1, seed=seed)))) for seed in (0, 1))
    assert one.documents is other.documents
    assert one.sessions[0].order[0] is other.sessions[5].order[0]
    assert one.sessions[0].arms[0] is other.sessions[5].arms[0]


@pytest.mark.parametrize("numbers", [[0.0, -0.0] * 200, [-0.0, 0.0, 1.0] * 200, [1, 1.0] * 200])
def test_equal_numbers_that_are_written_differently_stay_apart(numbers: list[float]) -> None:
    read = decode(tuple[float, ...], numbers)
    assert json.dumps(read) == json.dumps([float(number) for number in numbers])
    assert decode(tuple[bool, ...], [True, False]) is not decode(tuple[int, ...], [1, 0])
