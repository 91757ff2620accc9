import pytest

from ace.cli.progress import duration, expected_s
from ace.cli.sweep import expand, job_name


def test_the_time_left_follows_tokens_and_the_fixed_part() -> None:
    done = [(100, 30.0), (200, 40.0)]
    assert expected_s([400], done) == pytest.approx(60.0)
    assert expected_s([400, 100], done) == pytest.approx(90.0)


def test_nothing_is_promised_before_the_first_cell() -> None:
    assert expected_s([400], []) is None


def test_one_cell_alone_lets_larger_cells_cost_more() -> None:
    left = expected_s([400], [(100, 30.0)])
    assert left is not None
    assert 30 < left < 120


@pytest.mark.parametrize(("seconds", "text"), [(12.4, "12 s"), (89.0, "89 s"), (91.0, "2 min"), (3600.0, "60 min")])
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_sweep_declares_every_job_that_will_run() -> None:
    jobs = [job_name(job) for job in expand(["seq_len=64,128", "batch=1,2", "executor=identity"])]
    assert sorted(jobs) == sorted(f"batch={b},executor=identity,seq_len={s}" for s in (64, 128) for b in (1, 2))
