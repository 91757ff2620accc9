"""A guard whose arms or settings change after it was made: the baseline while they differ, the candidate afterwards."""

import copy
import io
import logging
import pickle
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from ace.guard import Guard
from ace.guard.matching import EVERY
from ace.guard.watching import AT_ONCE
from tests.unit.test_guard import NOW, Arm, arms, asked, envelope_for, guard  # noqa: F401  (a fixture)

FAST, SLOW = "_scaled_dot_product_flash_attention_for_cpu.default", "_scaled_dot_product_attention_math"


def other(arm: nn.Module) -> dict[str, torch.Tensor]:
    return {name: torch.full_like(value, 5.0) for name, value in arm.state_dict().items()}


def in_place(served: Guard) -> None:
    with torch.no_grad():
        served.baseline.weight[0] += 1e-6


def replaced(served: Guard) -> None:
    served.baseline.weight = nn.Parameter(torch.full((3,), 5.0), requires_grad=False)


def there_and_back(served: Guard) -> None:
    with torch.no_grad():
        served.baseline.weight += 1e-4
    made = envelope_for(served.baseline)
    served.envelope = replace(served.envelope, bound=made.bound)
    served.baseline.half()
    served.baseline.float()


CHANGES: dict[str, Callable[[Guard], object]] = {
    "to bfloat16": lambda served: served.to(torch.bfloat16),
    "half": lambda served: served.half(),
    "the baseline alone to half": lambda served: served.baseline.half(),
    "the candidate alone to half": lambda served: served.candidate.half(),
    "other weights for both": lambda served: served.load_state_dict(other(served)),
    "other weights for the baseline": lambda served: served.baseline.load_state_dict(other(served.baseline)),
    "other weights put in place": lambda served: served.load_state_dict(other(served), assign=True),
    "other weights for the candidate": lambda served: served.candidate.load_state_dict(other(served.candidate)),
    "one weight edited in place": in_place,
    "a weight replaced": replaced,
    "rounded to half and back, at the same address": there_and_back,
    "training": lambda served: served.train(),
    "the baseline in training": lambda served: served.baseline.train(),
    "the candidate in training": lambda served: served.candidate.train(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_done_to_the_arms_after_the_guard_was_made_means_the_baseline_and_is_said_once(
    arms, change, caplog  # noqa: F811
):
    served = guard(arms, envelope_for(arms[0]))
    served(*asked(64))
    CHANGES[change](served)
    with caplog.at_level(logging.WARNING, "ace.guard"):
        for _ in range(3):
            assert torch.equal(served(*asked(64)), arms[0](*asked(64)))
    assert served.decisions == {"admitted": 1, "mismatch": 3}
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["mismatch"]


@pytest.mark.parametrize("arm", [0, 1])
def test_one_layer_in_training_is_seen_within_a_round_over_all_of_them_and_stays_seen(arms, arm):  # noqa: F811
    arms[arm].inner = nn.Sequential(*(nn.Dropout() for _ in range(3 * AT_ONCE))).eval()
    served = guard(arms, envelope_for(arms[0]))
    arms[arm].inner[2 * AT_ONCE].train()
    for _ in range(5):
        served(*asked(64))
    assert served.decisions["mismatch"] >= 1
    before = served.decisions
    for _ in range(10):
        served(*asked(64))
    assert served.decisions == before | {"mismatch": before["mismatch"] + 10}
    served.eval()
    served(*asked(64))
    assert served.decisions["admitted"] == before.get("admitted", 0) + 1


def test_a_mismatch_that_goes_away_is_admitted_again(arms):  # noqa: F811
    served = guard(arms, envelope_for(arms[0]))
    kept = copy.deepcopy(served.state_dict())
    for change in (lambda: served.train(), lambda: served.load_state_dict(other(served))):
        change()
        assert torch.equal(served(*asked(64)), arms[0](*asked(64)))
        served.eval().load_state_dict(kept)
        assert torch.equal(served(*asked(64)), arms[1](*asked(64)))
    assert served.decisions == {"mismatch": 2, "admitted": 2}


def test_a_guard_made_of_arms_in_training_says_so_and_serves_once_they_are_not(arms, caplog):  # noqa: F811
    made = envelope_for(arms[0])
    arms[1].train()
    served = guard(arms, made)
    assert "call eval() on both arms" in caplog.text
    served(*asked(64))
    served.eval()
    served(*asked(64))
    assert served.decisions == {"mismatch": 1, "admitted": 1}


def test_weights_moved_without_a_change_are_compared_and_served_on(arms):  # noqa: F811
    served = guard(arms, envelope_for(arms[0]))
    served.load_state_dict(copy.deepcopy(served.state_dict()), assign=True)
    served(*asked(64))
    assert served.decisions == {"admitted": 1}


def test_one_tensor_put_in_anothers_place_is_seen_within_a_round_over_all_of_them(arms):  # noqa: F811
    arms[0].inner = nn.ModuleList(Arm(float(n)) for n in range(3 * AT_ONCE))
    served = guard(arms, envelope_for(arms[0]))
    arms[0].inner[2 * AT_ONCE].weight = nn.Parameter(torch.zeros(3), requires_grad=False)
    for _ in range(4):
        served(*asked(64))
    assert served.decisions["mismatch"] >= 1
    before = served.decisions["mismatch"]
    served(*asked(64))
    assert served.decisions["mismatch"] == before + 1


def test_weights_that_keep_changing_are_compared_for_a_tenth_of_the_time_at_most(arms):  # noqa: F811
    seconds = [0.0]

    def clock() -> float:  # a second passes at each look
        seconds[0] += 1.0
        return seconds[0]

    served = guard(arms, envelope_for(arms[0]), clock=clock)
    taken = seconds[0]
    for _ in range(50):
        in_place(served)
        served(*asked(64))
    assert served.decisions == {"mismatch": 50}
    assert seconds[0] - taken < 50 + 2 * 10, "one look a call, and two for each of few comparisons"


@pytest.fixture
def settings():
    yield
    torch.backends.cuda.enable_flash_sdp(True)
    torch.backends.cuda.enable_math_sdp(True)
    torch.set_float32_matmul_precision("highest")
    torch.use_deterministic_algorithms(False)
    torch.backends.mkldnn.set_flags(True)


SETTINGS: dict[str, tuple[Callable[[], object], str]] = {
    "flash": (lambda: torch.backends.cuda.enable_flash_sdp(False), "kernel flash is switched off"),
    "precision": (lambda: torch.set_float32_matmul_precision("medium"), "products is medium, measured was highest"),
    "deterministic": (lambda: torch.use_deterministic_algorithms(True), "deterministic algorithms are asked for"),
    "oneDNN": (lambda: torch.backends.mkldnn.set_flags(False), "oneDNN is switched off"),
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.usefixtures("settings")
def test_a_setting_of_torch_that_changes_later_means_the_baseline_within_four_calls_until_it_is_back(
    arms, setting, caplog  # noqa: F811
):
    served = guard(arms, envelope_for(arms[0]))
    change, said = SETTINGS[setting]
    change()
    for _ in range(EVERY):
        served(*asked(64))
    assert said in caplog.text
    seen = served.decisions["mismatch"]
    assert torch.equal(served(*asked(64)), arms[0](*asked(64)))
    assert served.decisions == {"mismatch": seen + 1} | ({"admitted": EVERY - seen} if seen < EVERY else {})


@pytest.mark.usefixtures("settings")
def test_a_setting_that_is_back_is_admitted_again(arms):  # noqa: F811
    torch.backends.cuda.enable_flash_sdp(False)
    served = guard(arms, envelope_for(arms[0]))
    served(*asked(64))
    torch.backends.cuda.enable_flash_sdp(True)
    served(*asked(64))
    assert served.decisions == {"mismatch": 1, "admitted": 1}


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    ("kernels", "flash", "served_by"),
    [((SLOW,), True, 0), ((SLOW,), False, 1), ((FAST,), True, 1), ((FAST,), False, 0), ((SLOW, FAST), True, 1),
     ((), True, 1), ((), False, 1)],
)  # fmt: skip
def test_a_processor_that_would_take_another_attention_kernel_than_was_measured_serves_the_baseline(
    arms, kernels, flash, served_by, caplog  # noqa: F811
):
    made = envelope_for(arms[0])
    torch.backends.cuda.enable_flash_sdp(flash)
    served = guard(arms, replace(made, bound=replace(made.bound, attention=kernels)))
    assert torch.equal(served(*asked(64)), arms[served_by](*asked(64)))
    assert ("would be taken, measured was" in caplog.text) == (kernels == (SLOW,) and flash)


def pickled(served: Guard) -> Guard:
    content = io.BytesIO()
    torch.save(served, content)
    content.seek(0)
    return torch.load(content, weights_only=False)


def now() -> float:
    return NOW


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled, lambda served: pickle.loads(pickle.dumps(served))])
def test_a_copy_serves_by_itself_and_counts_on_from_where_the_original_stood(arms, copied):  # noqa: F811
    served = Guard(*arms, envelope_for(arms[0]), now=now, shadow_rate=0.5)
    served(*asked(64))
    twin = copied(served)
    assert torch.equal(twin(*asked(64)), arms[1](*asked(64)))
    assert (served.decisions, twin.decisions) == ({"admitted": 1}, {"admitted": 2})
    with torch.no_grad():
        twin.baseline.weight.fill_(7.0)
    twin(*asked(64))
    served(*asked(64))
    assert (served.decisions, twin.decisions) == ({"admitted": 2}, {"admitted": 2, "mismatch": 1})


def test_a_copy_of_what_has_changed_is_no_better_than_it(arms):  # noqa: F811
    served = guard(arms, envelope_for(arms[0]))
    served.candidate.load_state_dict(other(served.candidate))
    twin = copy.deepcopy(served)
    twin(*asked(64))
    assert twin.decisions == {"mismatch": 1}


def test_threads_that_meet_a_change_are_all_given_the_baseline(arms):  # noqa: F811
    served = guard(arms, envelope_for(arms[0]))
    in_place(served)
    workers = [threading.Thread(target=lambda: [served(*asked(64)) for _ in range(50)]) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert served.decisions == {"mismatch": 200}


def test_a_compiled_guard_sees_a_change_too(arms):  # noqa: F811
    served = guard(arms, envelope_for(arms[0]))
    compiled = torch.compile(served, backend="eager")
    compiled(*asked(64))
    in_place(served)
    compiled(*asked(64))
    assert served.decisions == {"admitted": 1, "mismatch": 1}
