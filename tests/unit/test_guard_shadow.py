"""What shadow samples revoke, and what they must not."""

import random
from collections.abc import Callable

import pytest
import torch

from ace.guard import Guard
from tests.unit.test_guard import Arm, arms, asked, envelope_for, guard  # noqa: F401  (a fixture)


class Ticking:
    """A clock that an arm moves on by what it costs."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def costing(arm: Arm, clock: Ticking, seconds: float) -> None:
    arm.register_forward_hook(lambda *_: setattr(clock, "s", clock.s + seconds))


@pytest.mark.parametrize(("candidate_s", "revoked"), [(1.5, True), (0.5, False)])
def test_shadow_samples_revoke_a_candidate_that_is_slower_and_no_other(arms, candidate_s, revoked, caplog):  # noqa: F811
    clock = Ticking()
    made = envelope_for(arms[0])
    costing(arms[0], clock, 1.0)
    costing(arms[1], clock, candidate_s)
    served = guard(arms, made, shadow_rate=1.0, clock=clock)
    for _ in range(20):
        served(*asked(64))
    assert ("revoked" in served.decisions) == revoked
    assert ("candidate was slower" in caplog.text) == revoked
    last = served(*asked(64))
    assert torch.equal(last, arms[0 if revoked else 1](*asked(64)))


def test_a_shadow_sample_gives_the_answer_of_the_candidate(arms):  # noqa: F811
    served = guard(arms, envelope_for(arms[0]), shadow_rate=1.0)
    assert torch.equal(served(*asked(64)), arms[1](*asked(64)))
    assert arms[0].calls == 2




Cost = Callable[[torch.Tensor, int], float]
"""Seconds of a call, of its input and of how many calls there were before it."""


def served(candidate: Cost, baseline: Cost, calls: int, seed: int = 0, **options: float) -> Guard:
    """A guard after so many calls, all of them sampled, each with an input of its own."""
    clock, (dense, pruned) = Ticking(), (Arm(1.0), Arm(-1.0))
    for arm, cost in ((dense, baseline), (pruned, candidate)):

        def spend(arm: Arm, given, _, cost: Cost = cost) -> None:
            clock.s += cost(given[0], arm.calls - 1)

        arm.register_forward_hook(spend)
    made = guard((dense, pruned), envelope_for(dense), shadow_rate=1.0, seed=seed, clock=clock, **options)
    ids, mask = asked(64)
    for call in range(calls):
        made(ids + call, mask)
        if "revoked" in made.decisions:
            break
    return made


def noisy(seconds: float, seed: int, sd: float = 0.05) -> Cost:
    dice = random.Random(seed)
    return lambda *_: seconds * dice.lognormvariate(0, sd)


def remembering(first_s: float, again_s: float) -> Cost:
    known: set[int] = set()

    def cost(ids: torch.Tensor, _: int) -> float:
        key = int(ids[0, 0])
        seconds = again_s if key in known else first_s
        known.add(key)
        return seconds

    return cost


def two_faced(slow_s: float, share: float, fast_s: float) -> Cost:
    dice = random.Random(5)
    return lambda *_: slow_s if dice.random() < share else fast_s


LIES: dict[str, tuple[Cost, int]] = {
    "remembers an input it has seen": (remembering(3.0, 0.1), 30),
    "is faster at every second call": (lambda _, before: 0.1 if before % 2 else 3.0, 30),
    "remembers, and is a little slower at first": (remembering(1.2, 0.1), 200),
    "takes twenty times as long in two calls of five": (two_faced(20.0, 0.4, 0.9), 60),
    "takes twenty times as long in one call of ten": (two_faced(20.0, 0.1, 0.9), 600),
    "is five percent slower": (noisy(1.05, 1), 300),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_candidate_that_costs_its_callers_more_is_revoked(lie):
    candidate, calls = LIES[lie]
    assert "revoked" in served(candidate, noisy(1.0, 2), calls).decisions


@pytest.mark.parametrize("sd", [0.02, 1.0])
def test_equal_arms_are_revoked_in_no_more_runs_than_alpha_says_however_skewed_their_noise(sd):
    alpha, runs = 0.1, 20
    revoked = sum(
        "revoked" in served(noisy(1.0, 2 * run, sd), noisy(1.0, 2 * run + 1, sd), 60, run, shadow_alpha=alpha).decisions
        for run in range(runs)
    )
    assert revoked <= 6, "more than 6 of 20 at a chance of .1: less than one in four hundred"


def test_a_baseline_that_is_cold_in_every_sample_does_not_hide_a_slower_candidate():
    cold = lambda _, before: 1.0 if before % 2 else 1.3  # noqa: E731
    assert "revoked" in served(noisy(1.05, 1, 0.01), cold, 100).decisions


@pytest.mark.parametrize(
    ("option", "value"),
    [("shadow_rate", -1.0), ("shadow_rate", 2.0), ("shadow_rate", float("nan")), ("shadow_alpha", 0.0),
     ("shadow_alpha", 1.0), ("shadow_alpha", 2.0), ("shadow_alpha", float("nan"))],
)  # fmt: skip
def test_a_rate_or_level_that_is_none_is_refused_when_the_guard_is_made(arms, option, value):  # noqa: F811
    with pytest.raises(ValueError, match=f"{option} is {value}; allowed is"):
        guard(arms, envelope_for(arms[0]), **{option: value})


def test_a_clock_that_did_not_move_is_evidence_of_nothing():
    assert served(lambda *_: 0.0, lambda *_: 0.0, 50).decisions == {"admitted": 50}
