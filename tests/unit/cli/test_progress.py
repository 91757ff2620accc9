import pytest

from ace.cli.progress import duration
from ace.cli.remaining import Ahead, Cost, ahead, cost, expected_s
from ace.cli.sweep import expand, job_name
from ace.domain.plan import Shape
from tests import builders

SHAPE = Shape(64, 1, 384, 6)
DONE = [Cost(Ahead(100, 1, ("split=development",)), examined_s=50.0, starting_s=20.0, working_s=10.0)]


def test_the_time_left_counts_starts_tokens_and_each_new_length_once() -> None:
    same_length = Ahead(100, 2, ("split=development",))
    assert expected_s([same_length], DONE) == pytest.approx(20 + 20)
    twice_as_long = [Ahead(200, 1, ("split=development",)), Ahead(200, 2, ("split=development",))]
    assert expected_s(twice_as_long, DONE) == pytest.approx(2 * 20 + 20 + 40 + 100)


def test_another_split_is_examined_anew() -> None:
    assert expected_s([Ahead(100, 1, ("split=validation",))], DONE) == pytest.approx(20 + 10 + 50)


def test_nothing_is_promised_before_the_first_cell() -> None:
    assert expected_s([Ahead(100, 1, ())], []) is None


def test_a_job_is_read_with_the_axes_it_does_not_name_and_a_refused_one_is_left_out() -> None:
    assert ahead(["batch=4", "split=validation"], SHAPE) == Ahead(64, 4, ("split=validation",))
    assert ahead(["batch=four"], SHAPE) is None


def test_a_cost_is_taken_from_the_record() -> None:
    record = builders.record(sessions=3)
    found = cost(Ahead(64, 1, ()), record)
    assert found is not None
    assert found.starting_s == sum(s.ready_s for s in record.sessions)


@pytest.mark.parametrize(("seconds", "text"), [(12.4, "12 s"), (89.0, "89 s"), (91.0, "2 min"), (3600.0, "60 min")])
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_sweep_declares_every_job_that_will_run() -> None:
    jobs = [job_name(job) for job in expand(["seq_len=64,128", "batch=1,2", "executor=identity"])]
    assert sorted(jobs) == sorted(f"batch={b},executor=identity,seq_len={s}" for s in (64, 128) for b in (1, 2))
