"""Claims of energy and of effective compute density on their whole registered way: what is accepted, and what never."""

from dataclasses import replace

import pytest

from ace.decide import judge
from ace.decide.freezing import freeze
from ace.domain.energy import SHARED, EnergyPlan, Grade, IdlePower
from ace.domain.finding import Outcome
from ace.domain.session import CANDIDATE
from ace.domain.verdict import Verdict
from ace.errors import PlanError
from tests.deceptions.way import PRUNING, Idea, explore, open_holdout, walk
from tests.unit.decide import builders as b
from tests.unit.decide import registered as r
from tests.unit.decide.powered import BOARD, CONSTANT, MODEL, PACKAGES, powered
from tests.unit.decide.table import GAIN

ACCEPTED = (Verdict.ACCEPTED, Verdict.ACCEPTED_WITHIN_ENVELOPE)


def idea(choice=BOARD, **given) -> Idea:
    return replace(PRUNING, shows=powered(choice, **({"speed": GAIN} | given)))


def decided(choice=BOARD, sealed=None, **given):
    """The whole way; `sealed`: what the holdout shows instead."""
    way = walk(idea(choice, **given))
    if sealed is not None:
        opened = open_holdout(replace(PRUNING, shows=sealed), way.registration, way.look)
        way = replace(way, opened=opened)
    return judge(way.evidence(), r.POLICY)[0]


def unregistered(*changes, **given):
    return judge(b.evidence(*explore(idea(*changes, **given))), r.POLICY)[0]


def of_gate(decision, name):
    return [f for f in decision.gates if f.name == name]


def test_an_honest_saving_by_the_boards_own_counter_is_accepted_and_quoted_from_the_sealed_documents():
    claims = decided(saved_power=0.05).claims
    assert claims.energy.verdict in ACCEPTED
    assert claims.energy.cells == ("development 64x1",)
    assert claims.energy.reasons[0].startswith("holdout 64x1: joules per item")
    assert claims.ecd.verdict in ACCEPTED
    assert "throughput" in claims.ecd.reasons[0]


def test_work_on_the_processor_rests_on_its_packages_alone():
    assert decided(PACKAGES, device="cpu").claims.energy.verdict in ACCEPTED
    against = unregistered(BOARD, device="cpu").claims.energy
    assert "measures the device, and the work is done on the host" in " ".join(against.reasons)


def test_less_time_at_more_power_is_no_saving_and_the_speed_stands():
    decision = decided(saved_power=0.05, sealed=powered(speed=GAIN, saved_power=-GAIN))
    assert decision.claims.energy.verdict is Verdict.REJECTED_NO_GAIN
    assert decision.claims.speed.verdict in ACCEPTED


def test_no_saving_is_no_gain_of_energy_whatever_the_speed():
    decision = unregistered(saved_power=-GAIN)
    assert decision.claims.energy.verdict is Verdict.REJECTED_NO_GAIN
    assert decision.claims.speed.verdict is Verdict.EXPLORATORY


@pytest.mark.parametrize("choice", [CONSTANT, MODEL])
def test_a_power_that_nobody_measured_is_refused_by_name_however_much_it_saves(choice):
    decision = unregistered(choice, scopes=("speed", "energy", "ecd"))
    for claim in (decision.claims.energy, decision.claims.ecd):
        assert claim.verdict not in ACCEPTED
        assert f"{choice.grade} is simulated" in " ".join(claim.reasons)
    assert {f.outcome for f in of_gate(decision, "energy")} == {Outcome.NO_EVIDENCE}
    assert all(f.evidence.startswith("simulated: ") for f in of_gate(decision, "energy"))


@pytest.mark.parametrize("choice", [CONSTANT, MODEL])
def test_a_registration_leaves_out_what_rests_on_a_simulated_power_and_names_its_grade(choice):
    cells = explore(idea(choice))
    frozen = freeze(b.evidence(*cells), r.POLICY, "auto", r.sealed(cells), r.CODE, r.FROZEN_AT)
    assert frozen.registration.cells
    assert frozen.registration.energy_cells == frozen.registration.ecd_cells == ()
    left = dict(frozen.left_out)
    assert f"{choice.grade} is simulated" in left["energy development 64x1"]
    assert f"{choice.grade} is simulated" in left["ecd development 64x1"]


@pytest.mark.parametrize(
    "shows", [powered(null_w=180.0), powered(null_w=201.9), powered(replace(CONSTANT, grade=Grade.DEVICE_COUNTER))]
)
def test_what_would_be_invalid_or_blind_spends_no_look(shows):
    cells = explore(replace(PRUNING, shows=shows))
    frozen = freeze(b.evidence(*cells), r.POLICY, "auto", r.sealed(cells), r.CODE, r.FROZEN_AT)
    assert frozen.registration.cells
    assert frozen.registration.energy_cells == ()


def test_a_forged_registration_of_a_simulated_power_is_not_accepted():
    way = walk(idea(CONSTANT))
    shapes = way.registration.cells
    forged = replace(way.registration, energy_cells=shapes, ecd_cells=shapes)
    look = r.look_of(forged)
    opened = open_holdout(idea(CONSTANT), forged, look)
    decision = judge(replace(way, registration=forged, look=look, opened=opened).evidence(), r.POLICY)[0]
    assert decision.claims.energy.verdict is Verdict.INCONCLUSIVE
    assert "OVERRIDE is simulated" in " ".join(decision.claims.energy.reasons)


def test_a_constant_that_calls_itself_a_counter_contradicts_itself():
    claimed = unregistered(replace(CONSTANT, grade=Grade.DEVICE_COUNTER)).claims
    assert claimed.energy.verdict is Verdict.INVALID
    assert "override is said to be DEVICE_COUNTER" in " ".join(claimed.energy.reasons)


def test_joules_that_their_own_readings_deny_make_the_claim_invalid():
    def halved(made):
        return replace(made, energy_j=made.energy_j / 2) if made.arm == CANDIDATE else made

    claim = unregistered(change=halved).claims.energy
    assert claim.verdict is Verdict.INVALID
    assert "its readings give" in " ".join(claim.reasons)


def test_a_null_arm_that_saves_energy_makes_the_meter_unfit():
    claim = unregistered(null_w=180.0).claims.energy
    assert claim.verdict is Verdict.INVALID
    assert "null arm" in " ".join(claim.reasons)


def test_a_shared_board_supports_no_claim():
    claim = unregistered(change=lambda made: replace(made, flags=(SHARED,))).claims.energy
    assert claim.verdict is Verdict.EXPLORATORY
    assert "shared board" in " ".join(claim.reasons)


def test_density_needs_twice_the_gain_for_it_counts_time_twice():
    # 2 % by time alone: density gains 4 %, more than delta and less than what counting twice asks for
    faster = replace(idea(speed=0.02), gain=0.02)
    found = judge(b.evidence(*explore(faster)), r.POLICY)[0].claims.ecd
    assert found.verdict is Verdict.REJECTED_NO_GAIN


def test_density_bought_with_energy_is_refused_though_the_product_gains():
    decision = unregistered(speed=0.2, saved_power=-0.25)  # faster by 22 %, and 5 % more joules an item
    [cell] = [c for c in decision.cells if c.split == "development"]
    assert cell.energy.ecd_lcb > 2 * r.POLICY.gain_floor
    assert decision.claims.ecd.verdict is Verdict.REJECTED_NO_GAIN


def test_nothing_but_energy_worth_claiming_is_registered_for_energy_alone():
    rivals = (("truncation", 0.0), ("random", 0.0), ("compiled", 0.0))
    cells = explore(replace(PRUNING, gain=0.0, gains=rivals, shows=powered(speed=0.0, saved_power=0.1)))
    made = freeze(b.evidence(*cells), r.POLICY, "auto", r.sealed(cells), r.CODE, r.FROZEN_AT).registration
    assert (made.cells, len(made.energy_cells)) == ((), 1)
    assert made.opened == made.energy_cells


def test_energy_that_is_claimed_without_any_source_is_missing_and_not_refuted():
    bare = replace(PRUNING, shows=lambda record: replace(record, plan=replace(record.plan, scopes=("speed", "energy"))))
    decision = judge(b.evidence(*explore(bare)), r.POLICY)[0]
    assert decision.claims.energy.verdict is Verdict.EXPLORATORY
    assert "no energy source was read" in " ".join(decision.claims.energy.reasons)


def test_idle_power_is_measured_shown_and_left_in_unless_it_is_to_be_taken_off():
    [left, *_] = unregistered().cells
    [taken, *_] = unregistered(telemetry=EnergyPlan("auto", subtract_idle=True), saved_power=0.1).cells
    assert left.energy.idle_w == taken.energy.idle_w == pytest.approx(31)
    assert (left.energy.idle_subtracted, taken.energy.idle_subtracted) == (False, True)
    assert taken.energy.gain > GAIN + 0.1


def test_energy_that_is_claimed_needs_a_telemetry_that_asks_for_one():
    with pytest.raises(PlanError, match="telemetry"):
        replace(b.plan(), scopes=("speed", "energy"), telemetry=EnergyPlan("none"))


def test_calls_that_are_faster_in_energy_windows_than_where_outputs_are_compared_make_the_claim_invalid():
    claim = unregistered(speed=GAIN + 0.7).claims.energy
    assert claim.verdict is Verdict.INVALID
    assert "faster beside the other than in timed calls" in " ".join(claim.reasons)


def test_windows_that_only_the_candidate_loses_choose_no_sessions():
    def kept(made):
        gone = replace(made, energy_j=None, budget=None, reason="lost")
        return gone if made.arm == CANDIDATE and lost.pop(0) else made

    lost = [i % 10 < 4 for i in range(1000)]
    claim = unregistered(saved_power=0.05, change=kept).claims.energy
    assert claim.verdict not in ACCEPTED
    assert "4 of 10 sessions have no energy of both arms" in " ".join(claim.reasons)


def test_idle_power_below_nothing_is_no_reading():
    with pytest.raises(ValueError, match="idle power is negative"):
        IdlePower("nvml_counter", -1.0, None)
