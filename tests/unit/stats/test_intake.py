import numpy as np
import pytest

from ace.errors import EvidenceError
from ace.stats import compare, compare_cells

GOOD = np.random.default_rng(0).uniform(1, 2, (10, 10))


def spoiled(value, session=3, timing=7):
    bad = GOOD.copy()
    bad[session, timing] = value
    return bad


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -1.0])
@pytest.mark.parametrize("arm", ["baseline", "candidate"])
def test_a_timing_that_is_no_duration_is_named(value, arm):
    pair = (spoiled(value), GOOD) if arm == "baseline" else (GOOD, spoiled(value))
    with pytest.raises(EvidenceError, match=f"{arm} session 3, timing 7 is"):
        compare(*pair)


@pytest.mark.parametrize("value", ["fast", True, 1 + 2j, np.timedelta64(3, "s"), None])
def test_what_is_no_number_is_named_by_its_session_and_timing(value):
    bad = GOOD.astype(object)
    bad[3, 7] = value
    with pytest.raises(EvidenceError, match="candidate session 3, timing 7 is"):
        compare(GOOD, bad)


def test_numbers_kept_as_objects_are_the_numbers_that_they_are():
    assert compare(GOOD.astype(object), GOOD[::-1].tolist()) == compare(GOOD, GOOD[::-1])


def test_a_grid_may_be_an_array_of_pairs():
    grid = np.stack([np.stack([GOOD, GOOD[::-1]]), np.stack([GOOD[::-1], GOOD])])
    assert compare_cells(grid) == compare_cells([(b, c) for b, c in grid])


def test_ragged_sessions_are_named():
    ragged = [list(row) for row in GOOD]
    ragged[4] = ragged[4][:8]
    with pytest.raises(EvidenceError, match=r"session 4 has 8 timings, session 0 has 10 .*timing 8"):
        compare(ragged, GOOD)


def test_arms_of_different_shape_name_the_first_timing_without_a_partner():
    with pytest.raises(EvidenceError, match="session 8, timing 0"):
        compare(GOOD, GOOD[:8])
    with pytest.raises(EvidenceError, match="session 0, timing 6"):
        compare(GOOD[:, :6], GOOD)


@pytest.mark.parametrize("shape", [(10,), (2, 5, 10)])
def test_only_two_dimensions_are_sessions_and_timings(shape):
    with pytest.raises(EvidenceError, match="sessions, timings"):
        compare(np.ones(shape), np.ones(shape))


@pytest.mark.parametrize("thing", [None, 3.0, "fast", [["a", "b"]], [[1.0, None]], [[True, False]], [[1 + 2j, 1.0]]])
def test_what_is_not_a_table_of_numbers_is_refused(thing):
    with pytest.raises(EvidenceError):
        compare(thing, thing)


def test_masked_timings_are_missing_timings():
    masked = np.ma.masked_array(GOOD, mask=GOOD > 1.9)
    with pytest.raises(EvidenceError, match="masked"):
        compare(masked, GOOD)
    with pytest.raises(EvidenceError, match="masked"):
        compare(list(masked), GOOD)


@pytest.mark.parametrize("cells", [None, "cells", 3, [None], [(GOOD,)], [(GOOD, GOOD, GOOD)], [3.0]])
def test_what_is_no_list_of_pairs_is_refused_as_evidence(cells):
    with pytest.raises(EvidenceError, match="expected a"):
        compare_cells(cells)


def test_lists_and_integers_are_read_like_arrays():
    nanoseconds = np.rint(GOOD * 1e9).astype(int)
    assert compare(nanoseconds.tolist(), GOOD[::-1].tolist()).sessions == 10


@pytest.mark.parametrize(
    "request_", [{"margin": -0.1}, {"margin": np.nan}, {"confidence": 1.0}, {"confidence": 0.0}, {"order": "sorted"}]
)
def test_a_question_without_an_answer_is_refused(request_):
    with pytest.raises(EvidenceError, match=next(iter(request_))):
        compare(GOOD, GOOD[::-1], **request_)


def test_a_bad_cell_spoils_the_grid_loudly():
    with pytest.raises(EvidenceError, match="cell 1: candidate session 3, timing 7"):
        compare_cells([(GOOD, GOOD[::-1]), (GOOD, spoiled(np.nan))])


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_extreme_but_finite_seconds_are_judged_without_overflow(scale):
    assert compare(GOOD * scale, GOOD[::-1] / scale).gain == pytest.approx(2 * np.log(scale), abs=1)
