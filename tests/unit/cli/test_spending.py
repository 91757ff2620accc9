import pytest

from ace.cli.spending import Spending, told
from tests import builders


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_steps_are_timed_from_one_to_the_next_whatever_they_count() -> None:
    clock = Clock()
    spending = Spending(clock)
    for text, seconds in (
        ("embedding 1000 documents", 3.0),
        ("each arm alone, 1 of 3", 2.0),
        ("each arm alone, 2 of 3", 4.0),
    ):
        spending.begins(text)
        clock.now += seconds
    spending.begins("memory")
    assert spending.seconds == {"start": 0.0, "embedding": 3.0, "each arm alone": 6.0}


def test_sessions_are_told_apart_by_what_they_say_of_themselves_and_nothing_is_counted_twice() -> None:
    clock, record = Clock(), builders.record(sessions=3)
    spending = Spending(clock)
    spending.begins("sessions")
    clock.now += 500.0
    spending.within_sessions(record, since=0.0)
    assert sum(spending.seconds.values()) == pytest.approx(500.0)
    assert spending.seconds["starting processes"] == sum(s.ready_s for s in record.sessions)
    assert "sessions" not in spending.seconds


def test_sessions_of_an_interrupted_attempt_cost_nothing_now() -> None:
    clock, record = Clock(), builders.record(sessions=3)
    spending = Spending(clock)
    spending.begins("sessions")
    clock.now += 500.0
    first, *mine = sorted(record.sessions, key=lambda s: s.started_at)
    assert first.started_at < mine[0].started_at
    spending.within_sessions(record, since=mine[0].started_at)
    assert spending.seconds["timed calls"] == sum(s.timed_s for s in mine)


def test_what_a_failed_examination_took_is_told_without_a_session() -> None:
    clock = Clock()
    spending = Spending(clock)
    spending.begins("embedding 1000 documents")
    clock.now += 12.0
    spending.begins("memory")
    assert told(spending.seconds) == "took 12 s: embedding 12"


def test_the_longest_step_comes_first_and_brief_ones_stand_together() -> None:
    assert told({"memory": 5.2, "timed calls": 40.1, "scoring": 0.4, "tokenising": 0.3}) == (
        "took 46 s: timed calls 40, memory 5, the rest 1"
    )


def test_a_cell_refused_at_once_took_nothing_worth_a_number() -> None:
    assert told({"start": 0.1}) == "took less than a second"
