import pytest

from ace.domain.budget import Budget, Component
from ace.domain.energy import (
    EnergyWindow,
    Grade,
    IdlePower,
    PowerSeries,
    Scope,
    SourceChoice,
)

NO_READINGS = PowerSeries("J", (), ())
SURE = Budget((Component("edges", 0.01, False, "x"),))


def window(**changes):
    given = {"arm": "baseline", "source": "rapl", "start_s": 0.0, "work_s": 2.0, "items": 4, "energy_j": 100.0,
             "reason": None, "update_period_s": 0.1, "budget": SURE, "flags": (), "state": None,
             "series": NO_READINGS}  # fmt: skip
    return EnergyWindow(**(given | changes))


def test_power_and_energy_per_item_follow_from_a_window():
    assert (window().power_w, window().energy_per_item_j) == (50.0, 25.0)


def test_a_window_without_energy_has_a_reason_and_no_power():
    lost = window(energy_j=None, budget=None, reason="device lost")
    assert (lost.power_w, lost.energy_per_item_j) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"energy_j": 0.0},
        {"energy_j": -3.0},
        {"energy_j": float("nan")},
        {"energy_j": None},
        {"reason": "device lost"},
        {"budget": None},
        {"items": 0},
        {"work_s": 0.0},
    ],
)
def test_no_energy_is_zero_negative_unexplained_or_without_uncertainty(changes):
    with pytest.raises(ValueError, match="baseline"):
        window(**changes)


@pytest.mark.parametrize(
    ("unit", "times", "values"), [("kWh", (), ()), ("J", (0.0,), ()), ("J", (1.0, 0.5), (1.0, 2.0))]
)
def test_a_series_in_another_unit_ragged_or_backwards_is_none(unit, times, values):
    with pytest.raises(ValueError, match="power series"):
        PowerSeries(unit, times, values)


def test_a_choice_cannot_have_a_grade_without_a_source_nor_a_source_without_a_grade():
    with pytest.raises(ValueError, match="grade"):
        SourceChoice(None, Grade.DEVICE_COUNTER, Scope.DEVICE, None, None, None, 0.1, ())
    with pytest.raises(ValueError, match="grade"):
        SourceChoice("nvml_counter", Grade.NONE, Scope.DEVICE, None, None, None, 0.1, ())
    with pytest.raises(ValueError, match="update period"):
        SourceChoice("nvml_counter", Grade.DEVICE_COUNTER, Scope.DEVICE, None, None, None, None, ())


def test_idle_power_is_a_number_or_a_reason():
    with pytest.raises(ValueError, match="idle power"):
        IdlePower("rapl", None, None)


@pytest.mark.parametrize("relative", [-0.1, float("nan"), float("inf")])
def test_no_component_is_negative_or_boundless(relative):
    with pytest.raises(ValueError, match="uncertainty edges"):
        Component("edges", relative, False, "x")


def test_what_is_simulated_follows_from_the_grade_alone():
    assert [grade for grade in Grade if grade.simulated] == [Grade.OVERRIDE, Grade.MODELLED]
