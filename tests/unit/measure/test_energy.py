import random
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ace.domain.energy import EnergyPlan, Grade
from ace.measure.arms import Arms
from ace.measure.device import Place
from ace.measure.energy import Kept, session_energy
from ace.measure.failing import ArmError
from ace.measure.inputs import Inputs
from ace.measure.sources import chosen_sources
from ace.measure.timing import nothing
from ace.telemetry import Ports, windows
from ace.telemetry.declared import VARIABLE
from ace.telemetry.rapl import read_text
from tests.builders import plan

OVERRIDE = EnergyPlan("override")
PLAN = replace(plan(batch=2), telemetry=OVERRIDE)


@pytest.fixture
def inputs(tmp_path):
    np.save(tmp_path / "ids.npy", np.ones((40, 8), dtype=np.int64))
    np.save(tmp_path / "mask.npy", np.ones((40, 8), dtype=np.int64))
    return Inputs(tmp_path, np.random.default_rng(0))


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(windows, "WARMUP_S", 0.1)
    monkeypatch.setattr(windows, "SHORTEST_S", 0.5)


class Adds(torch.nn.Module):
    def forward(self, ids, mask):
        time.sleep(0.005)  # work that leaves the processor to others
        return (ids + mask).float()


class Falls(torch.nn.Module):
    def forward(self, ids, mask):
        raise RuntimeError("out of memory")


def arms(candidate=None):
    modules = {"baseline": Adds(), "null": Adds(), "candidate": candidate or Adds()}
    return Arms(modules, modules["baseline"], "digest", 0.0, None, (), ())


def ports(unmetered=None, **environment):
    nowhere, no_smi = Path("/nonexistent"), ("/nonexistent/smi",)
    return Ports(
        environment, "/nonexistent/nvml", no_smi, nowhere, read_text, "linux", 4, lambda: 0.0, unmetered=unmetered
    )


def measured(inputs, session=0, given=None, asked=PLAN, **environment):
    here = ports(**environment)
    sources = chosen_sources(asked.telemetry, here)
    made = session_energy(asked, sources, session, given or arms(), inputs, nothing, here)
    return made and made.energy


def test_an_override_runs_through_windows_of_both_arms_and_stays_simulated(inputs):
    found = measured(inputs, **{VARIABLE: "250"})
    assert [w.arm for w in found.windows] == ["baseline", "candidate"]
    for window in found.windows:
        assert window.power_w == pytest.approx(250)
        assert window.items % 2 == 0
        assert window.work_s >= 0.2
    assert chosen_sources(OVERRIDE, ports(**{VARIABLE: "250"}))[0].grade is Grade.OVERRIDE
    assert found.idle == ()


def test_the_arm_that_goes_first_alternates(inputs):
    assert [w.arm for w in measured(inputs, 1, **{VARIABLE: "250"}).windows] == ["candidate", "baseline"]


def test_an_energy_that_is_to_be_claimed_is_measured_of_the_null_arm_too(inputs):
    claimed = replace(PLAN, scopes=("speed", "energy"))
    found = measured(inputs, asked=claimed, **{VARIABLE: "250"})
    assert [w.arm for w in found.windows] == ["baseline", "null", "candidate"]


def test_a_power_that_nobody_measures_is_not_warmed_up_for(inputs, monkeypatch):
    monkeypatch.setattr(windows, "WARMUP_S", 60.0)
    began = time.monotonic()
    assert len(measured(inputs, **{VARIABLE: "250"}).windows) == 2
    assert time.monotonic() - began < 20


def test_an_arm_on_another_board_than_the_chosen_one_is_not_measured(inputs):
    sources = (replace(chosen_sources(OVERRIDE, ports(**{VARIABLE: "250"}))[0], device_uuid="GPU-1"),)
    here = ports(**{VARIABLE: "250"})
    found = session_energy(PLAN, sources, 0, arms(), inputs, nothing, here, Place("GPU-2")).energy
    assert [(r.source, r.reason) for r in found.refused] == [("override", "other device")]
    assert found.windows == ()


def test_without_a_source_nothing_is_measured(inputs):
    assert measured(inputs) is None


def test_a_source_that_no_longer_opens_is_a_refusal_and_no_window(inputs):
    sources = chosen_sources(OVERRIDE, ports(**{VARIABLE: "250"}))
    found = session_energy(PLAN, sources, 0, arms(), inputs, nothing, ports()).energy
    assert [(r.source, r.reason) for r in found.refused] == [("override", "not set")]
    assert found.windows == ()


def test_an_arm_that_fails_in_its_window_is_an_arm_error_of_that_stage(inputs):
    with pytest.raises(ArmError) as failed:
        measured(inputs, given=arms(Falls()), **{VARIABLE: "250"})
    assert (failed.value.stage, failed.value.arm) == ("energy", "candidate")


class Cheats(torch.nn.Module):
    """Computes while `working`, and returns zeros else."""

    def __init__(self):
        super().__init__()
        self.working = True

    def forward(self, ids, mask):
        time.sleep(0.002)
        return (ids + mask).float() if self.working else torch.zeros(ids.shape)


def windows_of(candidate, inputs):
    here = ports(**{VARIABLE: "250"})
    given = arms(candidate)
    return session_energy(PLAN, chosen_sources(OVERRIDE, here), 0, given, inputs, nothing, here), given


def test_an_output_of_each_window_is_the_one_that_the_arm_gives_outside(inputs):
    measured, given = windows_of(Adds(), inputs)
    checks = measured.recheck(given, inputs)
    assert [(c.arm, c.recomputed_error) for c in checks] == [("baseline", 0.0), ("candidate", 0.0)]
    arrays = measured.kept_arrays()
    assert arrays["energy/candidate/output"].shape == (2, 8)
    assert len(arrays["energy/candidate/documents"]) == 2


def test_an_arm_that_rests_in_its_window_is_seen_by_the_output_that_was_kept(inputs):
    candidate = Cheats()
    candidate.working = False
    measured, given = windows_of(candidate, inputs)
    candidate.working = True
    errors = {c.arm: c.recomputed_error for c in measured.recheck(given, inputs)}
    assert (errors["baseline"], errors["candidate"]) == (0.0, 1.0)


def test_an_arm_that_returns_no_tensor_in_its_window_is_an_arm_error(inputs):
    class Nothing(torch.nn.Module):
        def forward(self, ids, mask):
            time.sleep(0.002)

    measured, given = windows_of(Nothing(), inputs)
    with pytest.raises(ArmError, match="NoneType"):
        measured.recheck(given, inputs)


def test_every_call_is_as_likely_to_be_kept_as_any_other():
    kept = []
    for seed in range(3000):
        one = Kept(random.Random(seed))
        for call in range(4):
            one.offer((call,), torch.tensor([call]))
        kept.append(one.call)
    assert [kept.count(call) / 3000 for call in (1, 2, 3, 4)] == pytest.approx([0.25] * 4, abs=0.03)
