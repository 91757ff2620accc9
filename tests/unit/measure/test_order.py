import random
from collections import Counter

import pytest

from ace.measure.order import mirrored_blocks

ARMS = ("baseline", "null", "candidate")


@pytest.mark.parametrize("seed", range(20))
def test_every_pair_of_arms_is_balanced_over_position_in_every_block(seed: int) -> None:
    orders = mirrored_blocks(ARMS, 12, random.Random(seed))
    for first, second in zip(orders[::2], orders[1::2], strict=True):
        for arm in ARMS:
            assert first.index(arm) + second.index(arm) == len(ARMS) - 1


def test_a_linear_drift_cancels_exactly_between_any_two_arms() -> None:
    orders = mirrored_blocks(ARMS, 12, random.Random(3))
    clock = dict.fromkeys(ARMS, 0)
    for r, order in enumerate(orders):
        for position, arm in enumerate(order):
            clock[arm] += r * len(ARMS) + position
    assert len(set(clock.values())) == 1


def test_no_arm_is_always_first() -> None:
    firsts = Counter(mirrored_blocks(ARMS, 2, random.Random(seed))[0][0] for seed in range(300))
    assert min(firsts.values()) > 60
