import subprocess
import time

import pytest

from ace.domain.energy import EnergyPlan, Grade
from ace.telemetry import Ports, Refused, choose, reopen
from ace.telemetry.nvidia_smi import open_smi, run_limited
from ace.telemetry.rapl import read_text

ONE = "GPU-11111111-aaaa, NVIDIA RTX A4000, 560.35.03, [N/A], 140.00, "
TWO = "GPU-22222222-bbbb, NVIDIA RTX A4000, 560.35.03, [N/A], 140.00, "


@pytest.fixture
def smi(tmp_path):
    """A command that prints these lines, or runs this script."""

    def make(*lines, script=None):
        path = tmp_path / "nvidia-smi"
        path.write_text("#!/bin/sh\n" + (script or f"cat <<'END'\n{chr(10).join(lines)}\nEND\n"))
        path.chmod(0o755)
        return (str(path),)

    return make


def power(command, wanted=None, environment=None):
    return open_smi(command, wanted, environment or {}).read(0.0)


def test_one_board_gives_its_power_and_the_lowest_measured_grade(smi, tmp_path):
    command = smi(ONE + "65.12")
    assert power(command) == 65.12
    ports = Ports({}, str(tmp_path / "none.so"), command, tmp_path, read_text, "linux", 1, time.process_time)
    device, _ = choose(EnergyPlan("auto"), ports)
    assert (device.source, device.grade, device.driver) == ("nvidia_smi", Grade.DEVICE_PROBE, "560.35.03")
    assert [t.reason for t in device.tried] == ["no library", "no library"]
    assert reopen(device, EnergyPlan("auto"), ports).read(0.0) == 65.12


@pytest.mark.parametrize("text", ["65,12", "65,12 W", "65.12 W"])
def test_a_comma_as_decimal_mark_is_no_further_field(smi, text):
    assert power(smi(ONE + text)) == 65.12


def test_of_several_lines_the_board_is_found_by_uuid(smi):
    command = smi(ONE + "65.12", TWO + "130.5")
    assert power(command, "GPU-22222222-bbbb") == 130.5
    assert power(command, environment={"CUDA_VISIBLE_DEVICES": "GPU-1111"}) == 65.12
    with pytest.raises(Refused) as refused:
        power(command)
    assert refused.value.reason == "ambiguous device"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (ONE + "N/A", "not supported"),
        (ONE + "[N/A]", "not supported"),
        (ONE + "[Not Supported]", "not supported"),
        (ONE + "[Unknown Error]", "not supported"),
        (ONE + "watts", "garbage"),
        (ONE + "nan", "garbage"),
        (ONE + "-3.0", "garbage"),
        (ONE + "0.00", "garbage"),
        (ONE.replace("[N/A]", "Enabled") + "65.1", "MIG slice"),
        ("", "no device"),
        ("No devices were found", "garbage"),
    ],
)
def test_what_is_no_power_is_refused_by_name(smi, line, reason):
    with pytest.raises(Refused) as refused:
        power(smi(line))
    assert refused.value.reason == reason


def test_a_limit_that_is_not_known_does_not_cost_the_power(smi):
    meter = open_smi(smi(ONE.replace("140.00", "[N/A]") + "65.1"), None, {})
    assert meter.description.power_limit_w is None


def test_a_command_that_fails_or_is_not_there_says_so(smi):
    with pytest.raises(Refused, match="ended with 9: couldn't communicate"):
        power(smi(script='echo "couldn\'t communicate with the driver"; exit 9\n'))
    with pytest.raises(Refused, match="not installed"):
        power(("/nonexistent/nvidia-smi",))


@pytest.mark.parametrize(
    "script",
    ["sleep 60\n", "sleep 60 & exec sleep 60\n", "trap '' TERM INT; while :; do sleep 1; done\n"],
    ids=["hangs", "with a child", "ignores signals"],
)
def test_a_hanging_command_delays_the_start_by_less_than_two_seconds(smi, script):
    start_s = time.monotonic()
    with pytest.raises(Refused) as refused:
        power(smi(script=script))
    assert refused.value.reason == "timed out"
    assert time.monotonic() - start_s < 2.0


def test_an_orphan_that_holds_the_output_open_is_not_waited_for(smi):
    start_s = time.monotonic()
    # setsid: the orphan leaves the group, so that nobody can end it with the command
    assert power(smi(script=f"setsid sleep 3 &\necho '{ONE}65.12'\n")) == 65.12
    assert time.monotonic() - start_s < 1.5


def test_what_the_command_started_is_killed_with_it(smi, tmp_path):
    mark = tmp_path / "pid"
    with pytest.raises(Refused):
        run_limited(smi(script=f"sleep 50 & echo $! > {mark}; wait\n"), 0.5)
    state = subprocess.run(["ps", "-o", "stat=", "-p", mark.read_text().strip()], capture_output=True, text=True)
    assert state.stdout.strip()[:1] in ("", "Z")


def test_a_board_that_is_no_longer_listed_has_vanished(smi):
    meter = open_smi(smi(ONE + "65.12"), None, {})
    smi(TWO + "65.12")
    with pytest.raises(Refused) as refused:
        meter.read(0.0)
    assert refused.value.reason == "source vanished"
