"""Where the spread of a cell comes from, against spreads that were put in."""

import numpy as np
import pytest

from ace.stats import components

SESSIONS, ROUNDS = 40, 20


def ratios(session=0.0, pair=0.0, by_input=0.0, seed=0):
    """Candidate and null arm, (sessions, rounds) each."""
    rng = np.random.default_rng(seed)
    offset = rng.normal(0, session, (SESSIONS, 1))
    candidate = offset + rng.normal(0, 1, (SESSIONS, ROUNDS)) * np.hypot(pair, by_input)
    return candidate, rng.normal(0, 1, (SESSIONS, ROUNDS)) * pair


@pytest.mark.parametrize(
    ("put_in", "largest"),
    [
        ({"session": 0.03, "pair": 0.02}, "session"),
        ({"session": 0.001, "pair": 0.05}, "pair"),
        ({"session": 0.001, "pair": 0.005, "by_input": 0.05}, "input"),
    ],
)
def test_the_largest_source_that_was_put_in_is_the_largest_that_is_found(put_in, largest):
    for seed in range(20):
        found = components(*ratios(**put_in, seed=seed))
        assert max(("session", "pair", "input"), key=lambda name: getattr(found, name)) == largest


def test_the_parts_add_up_to_the_variance_of_the_mean():
    ends, totals = [], []
    for seed in range(300):
        candidate, null = ratios(session=0.02, pair=0.03, by_input=0.02, seed=seed)
        found = components(candidate, null)
        totals.append(found.session + found.pair + found.input)
        ends.append(candidate.mean())
    assert np.mean(totals) == pytest.approx(np.var(ends), rel=0.25)


def test_without_a_null_arm_input_is_not_told_from_pair_and_too_little_has_no_parts():
    candidate, _ = ratios(pair=0.02, by_input=0.05)
    assert components(candidate, None).input is None
    assert components(candidate[:1], None) is None
    assert components(candidate[:, :3], None) is None
