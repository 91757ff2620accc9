"""The protocol around a window: idling, lengths, the doctor's survey; and the thread that samples in real time."""

import json
import threading
import time
from dataclasses import replace

import pytest

from ace.domain.decode import decode
from ace.domain.energy import EnergyPlan, EnergyWindow
from ace.domain.serial import encode
from ace.telemetry import length_s, measure_idle, measure_window, reopen
from ace.telemetry.evidence import contradiction
from ace.telemetry.facts import misnamed
from ace.telemetry.sampling import thread_every
from ace.telemetry.survey import offered, survey

HONEST = {
    "counter": {"period": 0.02},
    "slow counter": {"period": 0.1},
    "capped counter": {"events": 4},
    "polled": {"energy_code": 3, "period": 0.02},
    "polled mean": {"energy_code": 3, "fields_code": 3, "period": 0.05, "amp": 60, "work_period": 2.3},
}


@pytest.mark.parametrize("case", HONEST)
@pytest.mark.parametrize("name", ["NVIDIA RTX A4000", "NVIDIA A100-SXM4-40GB"])
def test_what_a_window_was_reckoned_to_is_what_its_stored_readings_give_again(board, case, name):
    board.set(scatter=0.01, **HONEST[case])
    board.name(name)
    plan = EnergyPlan("nvml", relative_error=0.4)  # short windows of a lagging mean pass too
    choice = board.chosen()
    window, _ = board.window(call_s=0.0137, plan=plan)
    assert window.energy_j is not None, window.reason
    stored = decode(EnergyWindow, json.loads(json.dumps(encode(window))))
    assert misnamed(choice, plan) is None
    assert contradiction(stored, choice, plan, 1) is None
    half = replace(stored, energy_j=stored.energy_j * 0.999)
    assert "its readings give" in contradiction(half, choice, plan, 1)


def meter(board):
    return reopen(board.chosen(), EnergyPlan("nvml"), board.ports())


def test_idle_power_is_that_of_a_board_with_nothing_to_do(board):
    (idle,) = measure_idle([meter(board)], board.rig)
    assert idle.power_w == pytest.approx(30, rel=0.02)


def test_a_board_that_is_lost_has_no_idle_power_and_a_reason(board):
    opened = meter(board)
    board.set(lost=1)
    (idle,) = measure_idle([opened], board.rig)
    assert idle.power_w is None
    assert idle.reason.startswith("device lost")


def test_a_smaller_error_asks_for_a_longer_window(board):
    opened = meter(board)
    one, five = (length_s([opened], EnergyPlan("nvml", relative_error=e)) for e in (0.01, 0.05))
    assert one == pytest.approx(5 * five)
    assert one == pytest.approx(1.2 * 8.16, rel=0.01)


def test_an_error_that_the_sensor_cannot_reach_in_its_window_gives_seconds_and_no_energy(board):
    board.set(energy_code=3, scatter=0.3, period=0.1)
    window, _ = board.window(plan=EnergyPlan("nvml", relative_error=0.02))
    assert window.energy_j is None
    assert "s of work" in window.reason


def test_the_work_of_a_window_is_whole_calls_and_counts_their_items(board):
    opened = meter(board)
    (window,) = measure_window("baseline", board.work(0.25), 8, [opened], EnergyPlan("nvml"), board.rig)
    assert window.items == 8 * round(window.work_s / 0.25)
    assert window.energy_per_item_j == pytest.approx(200 * 0.25 / 8, rel=0.01)


def test_what_the_work_raises_rises_and_no_thread_stays(board):
    def fails():
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        measure_window("candidate", fails, 1, [meter(board)], EnergyPlan("nvml"), board.rig)
    assert board._looks == []


def test_the_doctor_shows_grade_measured_period_and_windows_or_the_reason(board):
    board.set(period=0.02)
    offers = list(survey(EnergyPlan("auto"), board.ports({"ACE_DIRECT_POWER_WATTS": "nan"}), board.rig))
    first = offers[0]
    assert first.update_period_s == pytest.approx(0.02, rel=0.3)
    assert [round(seconds, 1) for _, seconds in first.windows_s] == pytest.approx([1.6, 0.8, 0.3], rel=0.3)
    lines = list(offered(offers))
    assert "DEVICE_COUNTER, NVIDIA RTX A4000 GPU-11111111-aaaa" in lines[0]
    assert "(as documented)" in lines[1]
    assert lines[2].startswith("nvidia_smi (device): no library")
    assert lines[3].startswith("override (device): not a number")
    assert len(lines) == 6


def test_the_sampling_thread_looks_until_it_is_stopped_and_not_after():
    looks = []
    stop = thread_every(0.005, lambda: looks.append(threading.current_thread().name))
    deadline = time.monotonic() + 5
    while len(looks) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    stop()
    seen = len(looks)
    time.sleep(0.03)
    assert seen == len(looks) >= 3
    assert set(looks) == {"ace-energy"}
