"""The fake NVML from Python: virtual time, samplers that are called while it passes, work that draws power."""

import ctypes
import math
import random
import shutil
import subprocess
from pathlib import Path

from ace.domain.energy import EnergyPlan
from ace.telemetry import Ports, Rig, choose, measure_window, reopen
from ace.telemetry.rapl import read_text

UUIDS = ("GPU-11111111-aaaa", "GPU-22222222-bbbb")
SOURCE = Path(__file__).with_name("fake_nvml.c")
NOWHERE = Path("/nonexistent")
HALF_STEP_S = 0.000126  # the fake's clock goes in steps of 0.25 ms


def compiled(path, definitions=()):
    """The fake library, built with these C definitions."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    flags = [f"-D{name}" for name in definitions]
    command = [compiler, "-O2", "-shared", "-fPIC", *flags, "-o", str(path), str(SOURCE), "-lm"]
    subprocess.run(command, check=True, capture_output=True)
    return str(path)


class Board:
    def __init__(self, library):
        self.library = library
        self._fake = ctypes.CDLL(library, ctypes.RTLD_GLOBAL)
        for name in ("fake_now", "fake_true_j"):
            getattr(self._fake, name).restype = ctypes.c_double
        self._fake.fake_reset()
        self._looks = []  # [period, next due, look]
        self.device = 0
        self.dice = random.Random(4)
        self.script = []  # (moment, key, value) that come true when time gets there

    def set(self, device=0, /, **values):
        for key, value in values.items():
            self._fake.fake_set(device, key.encode(), ctypes.c_double(value))

    def name(self, text, device=0):
        self._fake.fake_name(device, text.encode())

    def seed(self, value):
        self._fake.fake_seed(value)

    def driver(self, text):
        self._fake.fake_driver(text.encode())

    def true_j(self):
        return self._fake.fake_true_j(self.device)

    def now(self):
        return self._fake.fake_now()

    def every(self, period_s, look):
        entry = [period_s, self.now(), look]
        look()
        entry[1] += period_s
        self._looks.append(entry)
        return lambda: self._looks.remove(entry)

    def advance(self, seconds):
        end = self.now() + seconds
        while True:
            due = min((entry[1] for entry in self._looks), default=math.inf)
            self._fake.fake_advance(ctypes.c_double(max(0.0, min(due, end) - self.now())))
            for moment, key, value in [s for s in self.script if s[0] <= self.now()]:
                self.set(self.device, **{key: value})
                self.script.remove((moment, key, value))
            if due > end:
                return
            for entry in self._looks:
                if entry[1] <= self.now() + HALF_STEP_S:
                    entry[2]()
                    entry[1] += entry[0]

    @property
    def rig(self):
        return Rig(self.now, self.every, lambda: None, self.idle_for, self.dice.random)

    def ports(self, environment=None, smi=("/nonexistent/nvidia-smi",), uuid=None):
        return Ports(environment or {}, self.library, smi, NOWHERE, read_text, "linux", 4, lambda: 0.0, uuid)

    def idle_for(self, seconds):
        """Time passes with nothing to do."""
        self.set(self.device, busy=0)
        self.advance(seconds)

    def work(self, seconds):
        """A call that keeps the board busy for so long; it notes the energy that really flowed between two moments.

        What repeats in the work begins anew whenever the board has idled.
        """

        def call():
            self.set(self.device, busy=1)
            self.advance(seconds)
            self.trace.append((self.now(), self.true_j()))

        self.trace = [(self.now(), self.true_j())]
        return call

    def chosen(self, plan=None, **ports):
        return choose(plan or EnergyPlan("nvml"), self.ports(**ports))[0]

    def window(self, call_s=0.01, plan=None, arm="baseline", choice=None):
        """The window of work on the chosen source, and the joules that really flowed in it."""
        plan = plan or EnergyPlan("nvml")
        meter = reopen(choice or self.chosen(plan), plan, self.ports())
        (window,) = measure_window(arm, self.work(call_s), 1, [meter], plan, self.rig)
        at = {round(t, 6): e for t, e in self.trace}
        start, end = round(window.start_s, 6), round(window.start_s + window.work_s, 6)
        return window, at[end] - at[start]
