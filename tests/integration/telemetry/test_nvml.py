import ctypes
import math
import statistics

import pynvml
import pytest

from ace.domain.energy import ALIASED, CAPPED, DISAGREES, SHARED, EnergyPlan, Grade, Scope, supports_claim
from ace.telemetry import choose, nvml_library, reopen
from ace.telemetry.refusing import Refused
from ace.telemetry.sampling import Sampler
from tests.integration.telemetry.board import UUIDS, Board


def test_the_layouts_and_codes_are_those_of_nvidias_own_binding():
    assert ctypes.sizeof(nvml_library.FieldValue) == ctypes.sizeof(pynvml.c_nvmlFieldValue_t)
    assert nvml_library.FieldValue.value.offset == pynvml.c_nvmlFieldValue_t.value.offset
    assert nvml_library.FieldValue.nvmlReturn.offset == pynvml.c_nvmlFieldValue_t.nvmlReturn.offset
    assert ctypes.sizeof(nvml_library.ProcessInfo) == ctypes.sizeof(pynvml.c_nvmlProcessInfo_v3_t)
    assert ctypes.sizeof(nvml_library.TemperatureV1) == ctypes.sizeof(pynvml.c_nvmlTemperature_v1_t)
    assert pynvml.nvmlTemperature_v1 == nvml_library.TEMPERATURE_V1
    assert (nvml_library.POWER_AVERAGE, nvml_library.POWER_INSTANT) == (
        pynvml.NVML_FI_DEV_POWER_AVERAGE,
        pynvml.NVML_FI_DEV_POWER_INSTANT,
    )
    assert nvml_library.NAMES[pynvml.NVML_ERROR_GPU_IS_LOST] == "device lost"
    assert nvml_library.NAMES[pynvml.NVML_ERROR_NO_PERMISSION] == "no permission"
    assert nvml_library.NAMES[pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH] == "version mismatch"


def test_the_counter_comes_first_and_the_choice_names_board_and_driver(board):
    choice = board.chosen()
    assert (choice.source, choice.grade, choice.scope) == ("nvml_counter", Grade.DEVICE_COUNTER, Scope.DEVICE)
    assert (choice.device_uuid, choice.driver, choice.tried) == (UUIDS[0], "560.35.03", ())
    assert supports_claim(choice, Scope.DEVICE, ()) is None
    assert "work is done on the host" in supports_claim(choice, Scope.HOST, ())


@pytest.mark.parametrize("watts", [60, 150, 290])
@pytest.mark.parametrize("period", [0.02, 0.1])
def test_the_counter_gives_the_energy_that_flowed(board, watts, period):
    board.set(base=watts, period=period)
    window, true_j = board.window(call_s=0.0137)
    assert window.reason is None
    assert window.energy_j == pytest.approx(true_j, rel=2e-3)
    assert window.update_period_s == pytest.approx(period, rel=0.3)
    assert window.state.temperature_c == 61
    assert window.state.sm_clock_mhz == 1410


def test_without_a_counter_the_instant_field_is_polled_and_says_so(board):
    board.set(energy_code=3, base=180, scatter=0.01)
    choice = board.chosen()
    assert (choice.source, choice.grade) == ("nvml_power", Grade.DEVICE_POLLED)
    assert [(t.source, t.reason) for t in choice.tried] == [("nvml_counter", "not supported")]
    window, true_j = board.window()
    assert window.energy_j == pytest.approx(true_j, rel=0.01)
    assert window.budget.part("sampling") > 0


def test_an_averaging_sensor_is_right_once_the_warm_up_is_longer_than_its_memory(board):
    board.set(energy_code=3, fields_code=186, base=180, amp=20, work_period=0.33)
    window, true_j = board.window()
    assert board.chosen().source == "nvml_power"
    assert window.energy_j == pytest.approx(true_j, rel=0.01)


def test_get_power_usage_is_the_last_way(build):
    board = Board(build("WITHOUT_FIELDS"))
    board.set(energy_code=3, base=180, amp=20, work_period=0.33)
    window, true_j = board.window()
    assert window.energy_j == pytest.approx(true_j, rel=0.01)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"init_code": 18}, "version mismatch"),
        ({"init_code": 9}, "no driver"),
        ({"init_code": 4}, "no permission"),
        ({"init_code": 12345}, "failed"),
        ({"count": 0}, "no device"),
        ({"mig": 1}, "MIG slice"),
        ({"lost": 1}, "device lost"),
        ({"energy_code": 4, "fields_code": 4, "power_code": 4}, "no permission"),
        ({"energy_code": 3, "fields_code": 3, "power_code": 3}, "not supported"),
    ],
)
def test_what_nvml_refuses_is_refused_by_name_and_leaves_no_source(board, broken, reason):
    board.set(**broken)
    choice = board.chosen()
    assert choice.source is None
    assert choice.grade is Grade.NONE
    assert [t.reason for t in choice.tried] == [reason, reason]


def test_a_board_that_cannot_be_sliced_is_whole(board):
    board.set(mig=-1)
    assert board.chosen().source == "nvml_counter"


def test_a_missing_library_is_a_reason_and_the_next_is_tried(board):
    board.library = "/nonexistent/libnvidia-ml.so.1"
    choice = board.chosen(EnergyPlan("auto"), environment={"ACE_DIRECT_POWER_WATTS": "250"})
    assert [t.reason for t in choice.tried] == ["no library"] * 3
    assert (choice.source, choice.simulated) == ("override", True)


def test_missing_symbols_cost_what_they_belong_to_and_no_more(build):
    board = Board(build("WITHOUT_ENERGY"))
    choice = board.chosen()
    assert choice.source == "nvml_power"
    assert choice.tried[0].reason == "missing symbol"
    board = Board(build("WITHOUT_STATE"))
    window, _ = board.window()
    assert window.energy_j is not None
    assert (window.state.temperature_c, window.state.event_reasons) == (None, None)


def test_a_counter_that_always_reads_zero_is_no_counter(board):
    board.set(jump=-5000)
    assert "reads 0" in board.chosen().tried[0].detail


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("lost", 1, "device lost"),
        ("jump", -4000, "counter reset"),
        ("stuck", 1, "counter stuck"),
        ("energy_code", 999, "failed"),
    ],
)
def test_what_happens_within_a_window_leaves_no_energy_and_no_other_source(board, key, value, reason):
    choice = board.chosen()
    board.script.append((board.now() + 4.0, key, value))
    board.set(period=0.1)
    window, _ = board.window(choice=choice)
    assert window.energy_j is None
    assert window.reason.startswith(reason)
    assert window.source == "nvml_counter"


@pytest.mark.parametrize(("bit", "word"), [(0x8, "hardware"), (0x20, "thermal"), (0x40, "thermal"), (0x80, "brake")])
def test_a_throttled_window_is_no_window(board, bit, word):
    board.set(events=bit | 0x4)
    window, _ = board.window()
    assert window.reason.startswith("throttled")
    assert word in window.reason


def test_a_moment_of_throttling_between_two_looks_at_the_end_is_seen(board):
    board.script += [(board.now() + 3.0, "events", 0x40), (board.now() + 3.2, "events", 0)]
    window, _ = board.window()
    assert window.reason.startswith("throttled")


def test_a_power_cap_is_flagged(board):
    board.set(events=0x4)
    window, _ = board.window()
    assert CAPPED in window.flags
    assert window.energy_j is not None


def test_power_above_one_and_a_half_limits_is_no_power(board):
    board.set(base=290, limit=180)
    window, _ = board.window()
    assert window.reason.startswith("implausible")


def test_a_counter_that_polling_contradicts_is_flagged_and_not_claimed(board):
    board.set(fields_code=186, gain=1.0)
    choice = board.chosen()
    board.set(look=0.0, base=200, amp=60, work_period=0.02)  # the instant sensor always falls on one phase
    board.set(fields_code=0)
    window, _ = board.window(choice=choice)
    assert DISAGREES in window.flags
    assert supports_claim(choice, Scope.DEVICE, window.flags) is not None


def test_other_processes_on_the_board_forbid_a_claim(board):
    board.set(processes=2)
    window, _ = board.window()
    assert SHARED in window.flags
    assert "shared board" in supports_claim(board.chosen(), Scope.DEVICE, window.flags)


def test_two_boards_are_told_apart_by_uuid(board):
    board.set(count=2)
    board.set(1, base=100)
    assert board.chosen().tried[0].reason == "ambiguous device"
    assert board.chosen(uuid=UUIDS[1]).device_uuid == UUIDS[1]
    assert board.chosen(environment={"CUDA_VISIBLE_DEVICES": UUIDS[1]}).device_uuid == UUIDS[1]
    board.device = 1
    window, true_j = board.window(choice=board.chosen(uuid=UUIDS[1]))
    assert window.power_w == pytest.approx(100, rel=0.01)
    assert window.energy_j == pytest.approx(true_j, rel=2e-3)


def test_a_source_that_is_no_longer_the_same_is_not_opened_again(board):
    choice = board.chosen()
    board.driver("570.1")
    with pytest.raises(Refused, match=r"570\.1"):
        reopen(choice, EnergyPlan("nvml"), board.ports())


def test_a_board_beside_work_on_the_processor_is_read_and_supports_no_claim_of_it(board):
    device, host = choose(EnergyPlan("auto"), board.ports())
    assert (device.source, host.source) == ("nvml_counter", None)
    assert "the work is done on the host" in supports_claim(device, Scope.HOST, ())


def test_a_part_time_sensor_in_step_with_the_work_is_refused_and_out_of_step_it_is_right(board):
    board.name("NVIDIA A100-SXM4-40GB")
    board.set(period=0.1, look=0.025, base=200, amp=100, work_period=0.1)
    window, _ = board.window(call_s=0.1)
    assert window.reason.startswith("aliased")
    assert "100.00 ms" in window.reason
    assert "random phase" in window.reason
    board.set(work_period=0.013)
    window, true_j = board.window(call_s=0.013)
    assert abs(window.energy_j / true_j - 1) < 3 * window.budget.random
    assert ALIASED in window.flags or window.budget.part("alias") < 0.001


def test_work_in_step_begins_at_a_random_phase_so_that_repeats_find_the_truth_that_one_window_misses(build):
    errors = []
    for seed in range(30):
        board = Board(build())
        board.name("NVIDIA A100-SXM4-40GB")
        board.set(period=0.1, look=0.025, base=200, amp=66, work_period=0.05)
        board.dice.seed(seed)
        window, true_j = board.window(call_s=0.05, plan=EnergyPlan("nvml", relative_error=0.5))
        assert window.budget.part("alias") > 0.1
        assert abs(window.energy_j / true_j - 1) < 1.96 * window.budget.random
        errors.append(window.energy_j / true_j - 1)
    spread = statistics.stdev(errors)
    assert max(map(abs, errors)) > 0.2  # one window alone is wrong by a fifth
    assert spread > 0.1
    assert abs(statistics.fmean(errors)) < 2.05 * spread / math.sqrt(len(errors))


def test_the_same_work_on_a_board_that_looks_all_the_time_is_not_refused(board):
    board.set(period=0.1, base=200, amp=100, work_period=0.1)
    window, true_j = board.window(call_s=0.1)
    assert window.energy_j == pytest.approx(true_j, rel=0.01)


def test_a_sampler_that_failed_keeps_what_it_had(board):
    meter = reopen(board.chosen(), EnergyPlan("nvml"), board.ports())
    sampler = Sampler(meter, board.now, board.every)
    sampler.start()
    board.advance(0.5)
    board.set(lost=1)
    board.advance(0.5)
    sampler.stop()
    assert sampler.failure.reason == "device lost"
    assert sampler.series().times_s[-1] <= board.now() - 0.45
