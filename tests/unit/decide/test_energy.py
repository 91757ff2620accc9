import math
from dataclasses import replace

import pytest

from ace.decide.judge import judge
from ace.domain.budget import Component
from ace.domain.decode import decode
from ace.domain.energy import (
    CAPPED,
    SHARED,
    EnergyPlan,
    EnergyWindow,
    Grade,
    IdlePower,
    PowerSeries,
    Refusal,
    Scope,
    SessionEnergy,
    SourceChoice,
)
from ace.domain.finding import Outcome
from ace.domain.serial import encode
from ace.domain.verdict import Verdict
from ace.telemetry.uncertainty import EDGES, STEPS, window_budget
from tests.builders import evidence, near_term, plan, record, stored

ASKED = EnergyPlan("auto")
PACKAGES = SourceChoice("rapl", Grade.HOST_COUNTER, Scope.HOST, None, "package-0", None, 0.001, ())
CONSTANT = SourceChoice("override", Grade.OVERRIDE, Scope.DEVICE, None, None, None, 0.1, ())
BOARD = SourceChoice("nvml_counter", Grade.DEVICE_COUNTER, Scope.DEVICE, "GPU-1", "A4000", "560", 0.1, ())
NOTHING = SourceChoice(
    None, Grade.NONE, Scope.HOST, None, None, None, None, (Refusal("rapl", "no permission", "only root may read it"),)
)


def window(arm, power_w, call_s, choice, **changes):
    edge = Component(EDGES, 0.001, False, STEPS)
    made = EnergyWindow(
        arm=arm,
        source=choice.source,
        start_s=0.0,
        work_s=1000 * call_s,
        items=1000,
        energy_j=power_w * 1000 * call_s,
        reason=None,
        update_period_s=choice.update_period_s,
        budget=window_budget(choice.scope, choice.grade, power_w, (edge,)),
        flags=(),
        state=None,
        series=PowerSeries("J", (0.0, 1.0), (0.0, 60.0)),
    )
    return replace(made, **changes)


def energies(choice, base_w=60.0, cand_w=60.0, speed=0.2, idle_w=20.0, **candidate):
    """Ten sessions that scatter by a known little around the true ratios."""
    for index in range(10):
        call_s = 0.01 * math.exp(0.001 * (index - 4.5))
        windows = (
            window("baseline", base_w, call_s, choice),
            window("candidate", cand_w, 0.01 * math.exp(-speed), choice, **candidate),
        )
        yield SessionEnergy((), (IdlePower(choice.source, idle_w, None),), windows)


def answer(choice, made=None, asked=ASKED, **given):
    base = record(0.2, of=replace(plan(), telemetry=asked))
    made = list(energies(choice, **given)) if made is None else made
    sessions = tuple(replace(s, energy=e) for s, e in zip(base.sessions, made, strict=True))
    base = replace(base, sessions=sessions, energy_sources=(choice,))
    assert decode(type(base), encode(base)) == base
    (decision,) = judge(evidence(stored(base)), near_term())
    return decision, decision.cells[0].energy


def test_energy_that_follows_time_is_saved_as_time_is_and_density_counts_it_twice():
    decision, found = answer(PACKAGES)
    assert found.gain == pytest.approx(0.2, abs=1e-3)
    assert found.low < 0.2 < found.high
    assert found.throughput_gain == pytest.approx(0.2, abs=1e-3)
    assert found.ecd_gain == pytest.approx(0.4 + found.quality_gain, abs=1e-3)
    assert found.type_a == pytest.approx(0.001 * math.sqrt(82.5 / 9) / math.sqrt(10), rel=0.01)
    assert found.type_b == pytest.approx(math.sqrt(2) * 0.003)
    assert found.baseline_j == pytest.approx(0.6, rel=0.01)
    assert decision.cells[0].provenance.energy == "HOST_COUNTER"


def test_a_measured_saving_that_nobody_claims_is_told_and_not_judged():
    decision, _ = answer(PACKAGES)
    claim = decision.claims.energy
    assert claim.verdict is Verdict.INCONCLUSIVE
    assert "experiment.scopes=[speed,energy]" in claim.reasons[0]
    assert "+22" in claim.reasons[0]
    assert {f.outcome for f in decision.gates if f.name in ("energy", "ecd")} == set()
    assert [f.outcome for f in decision.gates if f.evidence.startswith("energy:")] == [Outcome.NOT_APPLICABLE]


def test_the_offset_of_the_sensor_does_not_cancel_between_two_powers():
    _, found = answer(PACKAGES, base_w=80.0, cand_w=40.0)
    assert found.gain == pytest.approx(0.2 + math.log(2), abs=1e-3)
    assert found.type_b == pytest.approx(math.hypot(2 / 40 - 2 / 80, math.sqrt(2) * 0.003))


def test_an_override_has_a_number_that_is_simulated_and_supports_nothing():
    decision, found = answer(CONSTANT)
    assert (found.grade, found.simulated) == ("OVERRIDE", True)
    assert "simulated" in found.reason
    assert "(override, simulated)" in decision.claims.energy.reasons[0]
    assert "simulated" in decision.claims.ecd.reasons[0]


def test_a_boards_meter_supports_no_claim_for_work_on_the_processor():
    assert "work is done on the host" in answer(BOARD)[1].reason


def test_without_a_source_the_reasons_of_all_that_were_tried_are_told():
    decision, found = answer(NOTHING, made=[None] * 10)
    assert (found.grade, found.gain) == ("NONE", None)
    assert "rapl: no permission" in found.reason
    assert "rapl: no permission" in decision.claims.energy.reasons[0]


def test_a_throttled_arm_makes_no_pair():
    _, found = answer(PACKAGES, energy_j=None, budget=None, reason="throttled: thermal (hardware)")
    assert (found.gain, found.sessions) == (None, 0)
    assert "candidate: throttled" in found.reason


def test_a_power_cap_in_one_arm_makes_no_pair():
    assert "capped in one arm only" in answer(PACKAGES, flags=(CAPPED,))[1].reason


def test_a_shared_board_leaves_the_number_and_takes_the_claim():
    _, found = answer(PACKAGES, flags=(SHARED,))
    assert found.gain is not None
    assert "shared board" in found.reason


def test_idle_power_is_subtracted_only_when_asked():
    _, kept = answer(PACKAGES, base_w=60.0, cand_w=40.0)
    _, taken = answer(PACKAGES, base_w=60.0, cand_w=40.0, asked=EnergyPlan("auto", subtract_idle=True))
    assert kept.gain == pytest.approx(0.2 + math.log(60 / 40), abs=1e-3)
    assert taken.gain == pytest.approx(0.2 + math.log(40 / 20), abs=1e-3)
    assert taken.type_b > kept.type_b


def test_records_of_two_drivers_do_not_compare():
    base = record(0.2, of=replace(plan(), telemetry=EnergyPlan("nvml")))
    first = replace(base, energy_sources=(BOARD,))
    second = replace(record(0.2, of=base.plan, seed=1), energy_sources=(replace(BOARD, driver="570"),))
    (decision,) = judge(evidence(stored(first), stored(second)), near_term())
    assert "do not compare" in decision.cells[0].energy.reason


def test_a_source_that_did_not_open_again_is_the_reason():
    lost = [SessionEnergy((Refusal("rapl", "source vanished", "gone"),), (), ())] * 10
    assert "source vanished" in answer(PACKAGES, made=lost)[1].reason
