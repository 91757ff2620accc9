"""The fake on the machine's own clock, read by the real sampling thread: what `launch.py` does, without a model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.telemetry.board import compiled

SENSOR = "base=150 amp=40 work_period=0.37 period=0.02 gain=1.03 offset=5"
CODE = """
import json, time, random
from ace.domain.energy import EnergyPlan
from ace.telemetry import Rig, choose, local_ports, measure_window, reopen
from ace.telemetry.sampling import thread_every
plan, ports = EnergyPlan("auto", relative_error=0.05), local_ports()
device, _ = choose(plan, ports)
meter = reopen(device, plan, ports)
rig = Rig(time.perf_counter, thread_every, lambda: None, time.sleep, random.Random(1).random)
(window,) = measure_window("baseline", lambda: time.sleep(0.01), 1, [meter], plan, rig)
made = [window.start_s, window.work_s, window.energy_j, window.budget.relative, window.budget.random]
print(json.dumps([device.source, device.grade, *made]))
"""
TRUTH = """
import ctypes, sys
fake = ctypes.CDLL(sys.argv[1])
fake.nvmlInitWithFlags(0)
fake.fake_true_between.restype = ctypes.c_double
print(fake.fake_true_between(0, *map(ctypes.c_double, map(float, sys.argv[2:]))))
"""


@pytest.fixture
def library(tmp_path):
    """Where the loader finds it under the name that the driver's library has."""
    return compiled(tmp_path / "libnvidia-ml.so.1")


def test_the_drivers_library_is_found_by_name_and_its_joules_are_those_that_flowed(library):
    environment = {**os.environ, "LD_LIBRARY_PATH": str(Path(library).parent), "FAKE_NVML": SENSOR}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    source, grade, start_s, work_s, energy_j, relative, random_part = json.loads(done.stdout)
    assert (source, grade) == ("nvml_counter", "DEVICE_COUNTER")
    # in a process of its own: where another test has loaded a fake, this one is not started anew
    asked = [sys.executable, "-c", TRUTH, library, str(start_s), str(start_s + work_s)]
    true_j = float(subprocess.run(asked, env=environment, capture_output=True, text=True, check=True).stdout)
    assert abs(energy_j - true_j) < 1.96 * relative * energy_j
    sensed_j = 1.03 * true_j + 5 * work_s  # what is left of the error once the sensor's own is known
    ripple = 40 * 0.37 / 2 / sensed_j  # half a period of its wave at an edge
    assert abs(energy_j - sensed_j) < (4 * random_part + ripple) * sensed_j
