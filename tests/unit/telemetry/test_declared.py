from pathlib import Path

import pytest

from ace.domain.energy import EnergyPlan, Grade, Scope, supports_claim
from ace.errors import PlanError
from ace.telemetry import Ports, Refused, choose
from ace.telemetry.declared import VARIABLE, open_modelled, open_override
from ace.telemetry.rapl import read_text


def ports(**environment):
    nowhere = Path("/nonexistent")
    return Ports(environment, "/nonexistent/nvml", ("/nonexistent/smi",), nowhere, read_text, "linux", 4, lambda: 0.0)


def test_an_override_is_simulated_whatever_it_says_and_supports_no_claim():
    device, _ = choose(EnergyPlan("override"), ports(**{VARIABLE: "250"}))
    assert (device.grade, device.simulated) == (Grade.OVERRIDE, True)
    assert "simulated" in supports_claim(device, Scope.DEVICE, ())
    assert "simulated" in supports_claim(device, Scope.HOST, ())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lots", "not a number"),
        ("", "not a number"),
        ("nan", "not a number"),
        ("-250", "implausible"),
        ("0", "implausible"),
        ("inf", "implausible"),
        ("250000", "implausible"),
    ],
)
def test_an_override_that_is_no_power_is_refused_and_quoted(text, reason):
    with pytest.raises(Refused) as refused:
        open_override({VARIABLE: text})
    assert refused.value.reason == reason
    assert VARIABLE in str(refused.value)


def test_a_measured_source_comes_before_an_override_and_a_model_after_it():
    device, _ = choose(EnergyPlan("auto", tdp_w=65), ports())
    assert device.grade is Grade.MODELLED
    assert [t.source for t in device.tried] == ["nvml_counter", "nvml_power", "nvidia_smi", "override"]
    device, _ = choose(EnergyPlan("auto", tdp_w=65), ports(**{VARIABLE: "250"}))
    assert device.grade is Grade.OVERRIDE


def test_a_model_scales_the_rating_by_the_share_of_the_processor_that_was_used():
    assert open_modelled(100, 4, lambda: 8.0).read(0.0) == 200.0
    with pytest.raises(Refused, match="tdp_w is null"):
        open_modelled(None, 4, lambda: 8.0)


def test_none_asks_nobody():
    assert choose(EnergyPlan("none"), ports()) == ()


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"name": "zeus"}, "telemetry.name"),
        ({"name": "auto", "relative_error": 0.0}, "telemetry.relative_error"),
        ({"name": "auto", "relative_error": 0.9}, "telemetry.relative_error"),
        ({"name": "auto", "tdp_w": -5.0}, "telemetry.tdp_w"),
        ({"name": "modelled"}, "telemetry.tdp_w"),
    ],
)
def test_an_impossible_plan_is_refused_by_its_key(given, key):
    with pytest.raises(PlanError, match=key):
        EnergyPlan(**given)
