"""The guard: the candidate where it was accepted, the baseline's very answer everywhere else."""

import json
import logging
import threading
from dataclasses import replace
from importlib import metadata, resources
from pathlib import Path

import jsonschema
import pytest
import torch
from torch import nn

from ace.domain.envelope import ENVELOPE_SCHEMA_VERSION, Admitted, Bound, Envelope, envelope_text, read_envelope
from ace.domain.plan import Shape
from ace.domain.verdict import Verdict
from ace.errors import EvidenceError
from ace.guard import Guard
from ace.models.digests import weights_digest
from ace.models.surroundings import cpu_model

NOW = 1_000_000.0


class Arm(nn.Module):
    """Answers with its own sign, and counts."""

    def __init__(self, sign: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((3,), sign), requires_grad=False)
        self.calls = 0
        self.eval()

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return ids.reshape(ids.shape[0], -1).float().sum(1, keepdim=True) * self.weight


def shape(seq_len: int, batch: int) -> Shape:
    return Shape(seq_len, batch, 384, 6)


@pytest.fixture
def arms() -> tuple[Arm, Arm]:
    return Arm(1.0), Arm(-1.0)


def envelope_for(baseline: nn.Module, admitted=((64, 1), (128, 1)), measured=((64, 1), (128, 1), (256, 1)), **changes):
    bound = Bound(
        weights=weights_digest(baseline),
        cpu_model=cpu_model(),
        device="cpu",
        threads=torch.get_num_threads(),
        torch=metadata.version("torch"),
        number_types=("float32",),
        attention=("_scaled_dot_product_flash_attention_for_cpu.default",),
    )
    made = Envelope(
        schema_version=ENVELOPE_SCHEMA_VERSION,
        experiment="token_pruning",
        claim="claim",
        label="pruning",
        verdict=Verdict.ACCEPTED_WITHIN_ENVELOPE,
        unsafe=False,
        registration="digest",
        admitted=tuple(Admitted(shape(*cell), 0.2, 0.19, 0.21) for cell in admitted),
        measured=tuple(shape(*cell) for cell in measured),
        padded=False,
        bound=bound,
        expires_at=NOW + 10,
    )
    return replace(made, **changes)


def asked(seq_len: int, batch: int = 1, padding: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    mask = torch.ones((batch, seq_len), dtype=torch.int64)
    if padding:
        mask[:, -padding:] = 0
    return torch.arange(batch * seq_len).reshape(batch, seq_len), mask


def guard(arms, envelope, **options) -> Guard:
    return Guard(*arms, envelope, now=lambda: NOW, **options)


@pytest.mark.parametrize(
    ("seq_len", "batch", "candidate"),
    [(64, 1, True), (128, 1, True), (100, 1, True), (256, 1, False), (200, 1, False), (32, 1, False), (64, 2, False),
     (512, 1, False)],
)  # fmt: skip
def test_a_shape_is_the_candidates_where_all_corners_of_its_grid_cell_are_admitted(arms, seq_len, batch, candidate):
    served = guard(arms, envelope_for(arms[0]))
    inputs = asked(seq_len, batch)
    expected = arms[1 if candidate else 0](*inputs)
    assert torch.equal(served(*inputs), expected)
    assert served.decisions == {"admitted" if candidate else "shape outside the envelope": 1}


def test_a_hole_in_the_grid_is_outside_although_it_lies_between_admitted_cells(arms):
    corners = ((64, 1), (64, 4), (128, 1))  # (128, 4) was measured and is not admitted
    served = guard(arms, envelope_for(arms[0], corners, ((64, 1), (64, 4), (128, 1), (128, 4))))
    assert torch.equal(served(*asked(100, 2)), arms[0](*asked(100, 2)))
    assert served.decisions == {"shape outside the envelope": 1}


def test_padding_that_was_never_measured_is_the_baselines(arms):
    exact, natural = envelope_for(arms[0]), envelope_for(arms[0], padded=True)
    inputs = asked(64, padding=3)
    assert torch.equal(guard(arms, exact)(*inputs), arms[0](*inputs))
    assert torch.equal(guard(arms, natural)(*inputs), arms[1](*inputs))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weights": "other"}, "weights is"),
        ({"torch": "1.0"}, "measured was 1.0"),
        ({"cpu_model": "another processor"}, "measured was another processor"),
        ({"device": "NVIDIA A100"}, "device is cpu"),
        ({"number_types": ("bfloat16",)}, "number types"),
        ({"cuda": "9.1"}, "measured was 9.1"),
    ],
)
def test_whatever_differs_from_what_was_measured_means_the_baseline_and_is_said_once(arms, change, said, caplog):
    made = envelope_for(arms[0])
    with caplog.at_level(logging.WARNING, "ace.guard"):
        served = guard(arms, replace(made, bound=replace(made.bound, **change)))
        for _ in range(3):
            assert torch.equal(served(*asked(64)), arms[0](*asked(64)))
    assert served.decisions == {"mismatch": 3}
    [record] = caplog.records
    assert said in record.getMessage()


@pytest.mark.parametrize(
    ("ids", "mask"),
    [
        (torch.ones(1, 7, 64, dtype=torch.int64), torch.ones(1, 7, 64, dtype=torch.int64)),
        (torch.ones(1, 64, dtype=torch.int64), torch.ones(1, 1, dtype=torch.int64)),
        (torch.ones(1, 64, dtype=torch.int64), torch.ones(0, dtype=torch.int64)),
        (torch.ones(1, 64, dtype=torch.int64), torch.full((1, 64), -1e9)),
        (torch.ones(1, 64), torch.ones(1, 64, dtype=torch.int64)),
    ],
)
def test_what_is_no_batch_of_ids_and_mask_as_measured_is_the_baselines(arms, ids, mask):
    served = guard(arms, envelope_for(arms[0]))
    served(ids, mask)
    assert served.decisions == {"no batch of ids and mask": 1}
    assert (arms[0].calls, arms[1].calls) == (1, 0)


def test_under_autocast_nothing_is_as_it_was_measured(arms):
    served = guard(arms, envelope_for(arms[0]))
    with torch.autocast("cpu", torch.bfloat16):
        served(*asked(64))
    assert served.decisions == {"autocast": 1}


def test_an_envelope_that_never_expires_or_covers_two_models_is_not_usable(arms):
    made = envelope_for(arms[0])
    other = Admitted(Shape(64, 1, 128, 2), 0.2, 0.1, 0.3)
    for spoilt in (replace(made, expires_at=float("nan")), replace(made, admitted=(*made.admitted, other))):
        served = guard(arms, spoilt)
        served(*asked(64))
        assert served.decisions == {"no usable envelope": 1}


def test_weights_that_were_trained_on_are_other_weights(arms):
    made = envelope_for(arms[0])
    with torch.no_grad():
        arms[0].weight[0] += 1e-6
    served = guard(arms, made)
    served(*asked(64))
    assert served.decisions == {"mismatch": 1}


def test_other_threads_than_measured_are_the_baselines(arms):
    made = envelope_for(arms[0])
    served = guard(arms, replace(made, bound=replace(made.bound, threads=torch.get_num_threads() + 1)))
    assert torch.equal(served(*asked(64)), arms[0](*asked(64)))
    assert served.decisions == {"other threads": 1}


def test_an_expired_envelope_serves_the_baseline(arms):
    served = guard(arms, envelope_for(arms[0], expires_at=NOW))
    assert torch.equal(served(*asked(64)), arms[0](*asked(64)))
    assert served.decisions == {"expired": 1}


@pytest.mark.parametrize("clock", [0.0, NOW - 5, float("nan")])
def test_a_clock_that_shows_no_time_at_which_the_envelope_holds_serves_the_baseline(arms, clock, caplog):
    served = Guard(*arms, envelope_for(arms[0], measured_at=NOW), now=lambda: clock)
    assert torch.equal(served(*asked(64)), arms[0](*asked(64)))
    assert served.decisions == {"clock before the measurement": 1}
    assert "the clock shows a time before the newest measurement" in caplog.text


def test_a_clock_without_a_number_is_no_reason_to_believe_an_envelope_that_names_no_beginning(arms):
    served = Guard(*arms, envelope_for(arms[0]), now=lambda: float("nan"))
    served(*asked(64))
    assert served.decisions == {"expired": 1}


def test_a_verdict_that_accepts_nothing_admits_nothing_and_an_unsafe_envelope_only_who_asks_for_it(arms):
    made = envelope_for(arms[0], verdict=Verdict.EXPLORATORY)
    assert torch.equal(guard(arms, made)(*asked(64)), arms[0](*asked(64)))
    assert torch.equal(guard(arms, made, unsafe=True)(*asked(64)), arms[0](*asked(64)))
    marked = replace(made, unsafe=True)
    assert torch.equal(guard(arms, marked)(*asked(64)), arms[0](*asked(64)))
    assert torch.equal(guard(arms, marked, unsafe=True)(*asked(64)), arms[1](*asked(64)))


def edited(text: str) -> str:
    return text.replace('"batch":1', '"batch":2', 1)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (edited, "it was edited"),
        (lambda text: text[:-20], "cannot be relied on"),
        (lambda text: "", "cannot be relied on"),
        (lambda text: "[]", "not a JSON object"),
        (lambda text: "[" * 100_000, "cannot be relied on"),
        (lambda text: json.dumps(json.loads(text) | {"schema_version": 99}), "schema 99"),
        (lambda text: json.dumps(json.loads(text) | {"more": 1}), "cannot be relied on"),
        (lambda text: text.replace("1000010.0", "NaN"), "cannot be relied on"),
    ],
)
def test_a_file_that_cannot_be_relied_on_admits_nothing_and_says_why(arms, tmp_path: Path, spoil, said, caplog):
    file = tmp_path / "envelope.json"
    file.write_text(spoil(envelope_text(envelope_for(arms[0]))))
    served = guard(arms, Envelope.load(str(file)))
    assert torch.equal(served(*asked(64)), arms[0](*asked(64)))
    assert served.decisions == {"no usable envelope": 1}
    assert said in caplog.text


def test_what_was_written_is_read_and_a_file_that_is_not_there_is_an_error(arms, tmp_path: Path):
    made = envelope_for(arms[0])
    assert read_envelope(envelope_text(made)) == made
    with pytest.raises(EvidenceError, match="cannot be read"):
        Envelope.load(str(tmp_path / "nothing.json"))


def test_the_schema_in_the_package_describes_what_is_written(arms):
    schema = json.loads((resources.files("ace") / "envelope.schema.json").read_text(encoding="utf-8"))
    check = jsonschema.Draft202012Validator(schema)
    made = envelope_for(arms[0])
    on_a_board = replace(made, bound=replace(made.bound, cuda="12.8"), measured_at=NOW)
    for written in (made, on_a_board, replace(made, bound=None, admitted=(), registration=None)):
        check.validate(json.loads(envelope_text(written)))
    for spoilt in ({"schema_version": 2}, {"digest": "abc"}, {"more": 1}, {"admitted": [{}]}):
        assert not check.is_valid(json.loads(envelope_text(made)) | spoilt)


def test_calls_from_many_threads_are_all_counted(arms):
    served = guard(arms, envelope_for(arms[0]))

    def work() -> None:
        for _ in range(200):
            served(*asked(64))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert served.decisions == {"admitted": 800}


def quiet(served, caplog, *inputs, calls=3):
    """What the guard says over several calls, which are all the baseline's."""
    with caplog.at_level(logging.WARNING, "ace.guard"):
        for _ in range(calls):
            assert torch.equal(served(*inputs), served.baseline(*inputs))
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("changes", "inputs", "said"),
    [
        ({"expires_at": NOW}, asked(64), "expired: the envelope has expired"),
        ({}, asked(512), "shape outside the envelope: ids and mask of shapes (1, 512), (1, 512); admitted"),
        ({}, asked(64, padding=3), "padded input: a mask with zeros"),
        ({"admitted": (), "measured": ()}, asked(64), "and between them): none"),
    ],
)
def test_whatever_sends_a_call_to_the_baseline_is_said_once_with_its_reason(arms, changes, inputs, said, caplog):
    served = guard(arms, replace(envelope_for(arms[0]), **changes))
    [told] = quiet(served, caplog, *inputs)
    assert said in told


def test_each_reason_is_said_once_whatever_comes_between(arms, caplog):
    served = guard(arms, envelope_for(arms[0]))
    with caplog.at_level(logging.WARNING, "ace.guard"):
        for _ in range(3):
            served(*asked(512))
            served(*asked(64))
            served(*asked(64, padding=1))
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "shape outside the envelope", "padded input"
    ]  # fmt: skip
    assert served.decisions == {"shape outside the envelope": 3, "admitted": 3, "padded input": 3}


def test_an_envelope_of_one_cell_admits_that_very_shape(arms):
    served = guard(arms, envelope_for(arms[0], ((64, 2),), ((64, 2),)))
    assert torch.equal(served(*asked(64, 2)), arms[1](*asked(64, 2)))
    for seq_len, batch in ((63, 2), (65, 2), (64, 1), (64, 3)):
        assert torch.equal(served(*asked(seq_len, batch)), arms[0](*asked(seq_len, batch)))
    assert served.decisions == {"admitted": 1, "shape outside the envelope": 4}


def test_an_envelope_of_one_axis_admits_along_that_axis_only(arms):
    row = ((64, 1), (64, 2), (64, 8))
    served = guard(arms, envelope_for(arms[0], row[:2], row))
    for (seq_len, batch), candidate in {(64, 1): 1, (64, 2): 1, (64, 4): 0, (63, 1): 0, (128, 2): 0}.items():
        assert torch.equal(served(*asked(seq_len, batch)), arms[candidate](*asked(seq_len, batch)))
