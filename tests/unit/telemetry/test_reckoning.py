import pytest

from ace.domain.energy import UNALIGNED, DeviceState, Grade, PowerSeries, Scope
from ace.telemetry.meters import COUNTER, SENSOR, Description
from ace.telemetry.reckoning import Readings, mean_power_w, reckon
from ace.telemetry.refusing import REASONS, Refused

BOARD = Description("nvml_counter", Grade.DEVICE_COUNTER, Scope.DEVICE, COUNTER, "J", 0.1, 0.025, power_limit_w=300.0)
SENSED = Description("nvml_power", Grade.DEVICE_POLLED, Scope.DEVICE, SENSOR, "W", 0.1, 0.025)


def counted(power_w=100.0, until_s=14.0, step_s=0.025, period_s=0.1, change=None, description=BOARD, **more):
    """Readings of a counter that steps every period; `change(t, joules)` spoils them."""
    times = [i * step_s for i in range(int(until_s / step_s) + 1)]
    values = [power_w * period_s * int(t / period_s + 1e-9) for t in times]
    values = [change(t, v) for t, v in zip(times, values, strict=True)] if change else values
    return Readings(description, PowerSeries("J", tuple(times), tuple(values)), None, **more)


def reason(readings, start_s=2.0, end_s=12.0, error=0.02):
    with pytest.raises(Refused) as refused:
        reckon(readings, start_s, end_s, 0.01, error)
    assert refused.value.reason in REASONS
    return refused.value.reason


def test_ticks_around_the_work_give_its_mean_power():
    found = reckon(counted(), 2.03, 12.04, 0.01, 0.02)
    assert found.power_w == pytest.approx(100.0, rel=1e-3)
    assert found.update_period_s == pytest.approx(0.1)
    assert found.flags == ()


def test_without_a_tick_after_the_work_the_edge_is_a_whole_period_wide_and_flagged():
    aligned = reckon(counted(), 2.03, 12.04, 0.01, 0.02)
    cut = reckon(counted(until_s=12.05), 2.03, 12.04, 0.01, 0.02)
    assert UNALIGNED in cut.flags
    assert cut.budget.random > 2 * aligned.budget.random
    assert cut.power_w == pytest.approx(100.0, rel=0.01)


def test_a_window_that_is_too_short_says_how_long_it_must_be():
    with pytest.raises(Refused, match=r"needs about \d+\.\d s of work") as refused:
        reckon(counted(), 2.03, 2.33, 0.01, 0.02)
    assert refused.value.reason == "window too short"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t, v: v - 500 if t > 5 else v, "counter reset"),
        (lambda t, v: min(v, 500.0), "counter stuck"),
        (lambda t, v: 0.0, "counter stuck"),
        (lambda t, v: 20 * v, "implausible"),
    ],
)
def test_a_spoilt_counter_gives_a_reason_and_no_number(change, named):
    assert reason(counted(change=change)) == named


def test_readings_that_do_not_span_the_work_are_no_readings():
    assert reason(counted(until_s=11.0)) == "source vanished"
    assert reason(Readings(BOARD, PowerSeries("J", (), ()), None)) == "source vanished"


def test_what_the_meter_said_is_what_is_said():
    lost = Readings(BOARD, PowerSeries("J", (0.0,), (1.0,)), Refused("device lost", "NVML error 15"))
    assert reason(lost) == "device lost"
    with pytest.raises(Refused, match="error 15"):
        mean_power_w(lost, 0.0, 1.0)


def test_throttling_makes_no_window_and_no_idle_power():
    hot = counted(state=DeviceState(None, None, 90, None, 0x40))
    assert reason(hot) == "throttled"
    with pytest.raises(Refused, match="thermal"):
        mean_power_w(hot, 2.0, 4.0)


def test_a_sensor_that_never_moves_is_stuck():
    times = tuple(i * 0.025 for i in range(600))
    stuck = Readings(SENSED, PowerSeries("W", times, (150.0,) * 600), None)
    assert reason(stuck) == "counter stuck"


def test_updates_of_a_sensor_count_and_not_how_often_it_is_read():
    values = tuple(150.0 + (i // 4) % 7 for i in range(600))
    slow = Readings(SENSED, PowerSeries("W", tuple(i * 0.025 for i in range(600)), values), None)
    dense = tuple(v for v in values for _ in range(3))
    fast = Readings(SENSED, PowerSeries("W", tuple(i * 0.025 / 3 for i in range(1800)), dense), None)
    first, second = (reckon(r, 2.0, 12.0, 0.01, 0.05) for r in (slow, fast))
    assert first.budget.part("sampling") == pytest.approx(second.budget.part("sampling"), rel=0.05)


def test_a_negative_mean_power_is_garbage():
    values = tuple(-150.0 - i % 7 for i in range(600))
    assert reason(Readings(SENSED, PowerSeries("W", tuple(i * 0.025 for i in range(600)), values), None)) == "garbage"
