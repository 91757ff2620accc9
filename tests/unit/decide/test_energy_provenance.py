"""A record that lies about its energy is refused with the reason, and the honest record beside it still passes."""

from dataclasses import replace

import pytest

from ace.decide import judge
from ace.decide.energy import energy_of_records
from ace.decide.gates.energy_provenance import provenance
from ace.domain.energy import CAPPED, GRADE_OF, EnergyPlan, Grade, PowerSeries, Scope
from ace.domain.finding import Outcome
from ace.domain.session import CANDIDATE
from ace.domain.verdict import Verdict
from ace.telemetry import rapl
from ace.telemetry.choosing import SOURCES, Ports
from ace.telemetry.declared import VARIABLE
from ace.telemetry.facts import FACTS, misnamed
from tests.deceptions.way import PRUNING, explore, measured, plan_of
from tests.unit.decide import builders as b
from tests.unit.decide import registered as r
from tests.unit.decide.powered import BOARD, CALM, CONSTANT, MODEL, PACKAGES, POLLED, powered
from tests.unit.decide.powered import reckoned as window_of
from tests.unit.decide.table import GAIN, each_session, laid_out


def judged(choice=BOARD, then=lambda record: record, **given):
    """Development and validation of an idea that saves energy; `then`: what is done to its records afterwards."""
    shows = powered(choice, **({"speed": GAIN, "saved_power": 0.05} | given))
    return judge(b.evidence(*explore(replace(PRUNING, shows=lambda record: then(shows(record))))), r.POLICY)[0]


def of_provenance(decision):
    """Outcome and words of the gate, as the claim of energy has them."""
    claim = decision.claims.energy
    return claim.verdict, " ".join(claim.reasons)


def of_windows(change, arm=CANDIDATE):
    return lambda made: change(made) if made.arm == arm else made


def of_budget(name, **changes):
    def change(made):
        parts = tuple(replace(c, **changes) if c.name == name else c for c in made.budget.components)
        return replace(made, budget=replace(made.budget, components=parts))

    return change


def without(name):
    def change(made):
        parts = tuple(c for c in made.budget.components if c.name != name)
        return replace(made, budget=replace(made.budget, components=parts))

    return change


def of_state(**changes):
    return lambda made: replace(made, state=replace(made.state, **changes))


def of_choice(**changes):
    return lambda record: replace(record, energy_sources=tuple(replace(c, **changes) for c in record.energy_sources))


@pytest.mark.parametrize(("choice", "device"), [(BOARD, "cuda"), (POLLED, "cuda"), (PACKAGES, "cpu")])
def test_an_honest_record_of_each_source_contradicts_nothing(choice, device):
    verdict, words = of_provenance(judged(choice, device=device))
    assert verdict is Verdict.EXPLORATORY
    assert "provenance" not in words


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (of_budget("gain", relative=0.001), "gain is said to be 0.10% of it (k=1); source and readings give 4.50%"),
        (of_budget("offset", relative=0.0), "offset is said to be"),
        (of_budget("edges", relative=1e-5), "edges is said to be"),
        (of_budget("drift", systematic=False), "drift is said to average out over sessions"),
        (without("drift"), "its uncertainty lacks drift"),
        (lambda made: replace(made, update_period_s=0.001), "an update period of 0.001 s is recorded"),
        (lambda made: replace(made, energy_j=made.energy_j * 0.97), "its readings give"),
        (lambda made: replace(made, flags=(CAPPED,)), "it is flagged power capped, and its readings are not flagged"),
    ],
)
def test_a_number_that_source_and_readings_do_not_give_is_a_contradiction(change, said):
    verdict, words = of_provenance(judged(change=of_windows(change)))
    assert verdict is Verdict.INVALID
    assert said in words


@pytest.mark.parametrize("bit", [0x8, 0x20, 0x40, 0x80])
def test_a_throttled_window_that_was_kept_valid_is_a_contradiction(bit):
    verdict, words = of_provenance(judged(change=of_windows(of_state(event_reasons=bit))))
    assert verdict is Verdict.INVALID
    assert "its readings give none: throttled" in words


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"power_limit_w": 250.0}, "the power limit is 300.0 W in one arm and 250.0 W in the other"),
        ({"sm_clock_mhz": 1005}, "sm clock 1410 MHz in one arm and 1005 MHz in the other"),
        ({"memory_clock_mhz": None}, "memory clock 5001 MHz in one arm and None MHz in the other"),
        ({"event_reasons": 0x2}, "clocks set by an application in one arm only"),
    ],
)
def test_arms_under_other_settings_of_the_board_are_no_pair(state, said):
    verdict, words = of_provenance(judged(change=of_windows(of_state(**state))))
    assert verdict is Verdict.EXPLORATORY
    assert said in words


def test_both_arms_under_one_cap_may_have_their_own_clocks_and_one_boost_step_is_no_setting():
    def capped(made):
        state = replace(CALM, event_reasons=0x4, sm_clock_mhz=1400 if made.arm == CANDIDATE else 1200)
        return replace(made, flags=(CAPPED,), state=state)

    assert "provenance" not in of_provenance(judged(change=capped))[1]
    assert "provenance" not in of_provenance(judged(change=of_windows(of_state(sm_clock_mhz=1395))))[1]


@pytest.mark.parametrize("change", [lambda made: replace(made, state=None), of_state(event_reasons=None)])
def test_a_board_whose_event_reasons_nobody_knows_may_have_been_throttled(change):
    verdict, words = of_provenance(judged(change=change))
    assert verdict is Verdict.EXPLORATORY
    assert "the board may have been throttled" in words


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scope": Scope.HOST}, "nvml_counter is said to measure the host, and measures the device"),
        ({"grade": Grade.DEVICE_POLLED}, "nvml_counter is said to be DEVICE_POLLED, and is DEVICE_COUNTER"),
        ({"update_period_s": 0.001}, "documented are 0.1 s"),
        ({"source": "wattmeter"}, "wattmeter is no source of this version"),
    ],
)
def test_a_source_that_is_said_to_be_what_it_is_not_is_a_contradiction(changes, said):
    verdict, words = of_provenance(judged(then=of_choice(**changes)))
    assert verdict is Verdict.INVALID
    assert said in words


def test_a_source_that_was_not_asked_for_is_a_contradiction():
    verdict, words = of_provenance(judged(telemetry=EnergyPlan("rapl")))
    assert verdict is Verdict.INVALID
    assert "telemetry=rapl was planned, and nvml_counter is said to have measured" in words
    assert "provenance" not in of_provenance(judged(telemetry=EnergyPlan("nvml")))[1]


@pytest.mark.parametrize("changes", [{"device_uuid": None}, {"driver": None}, {"driver": ""}])
def test_a_board_without_its_uuid_or_driver_supports_no_claim(changes):
    verdict, words = of_provenance(judged(then=of_choice(**changes)))
    assert verdict is Verdict.EXPLORATORY
    assert "not recorded" in words


@pytest.mark.parametrize("value", [5e-324, 1e308, -1e308])
@pytest.mark.parametrize("choice", [BOARD, POLLED])
def test_numbers_that_no_arithmetic_survives_are_no_meters_readings(choice, value):
    def written(made):
        values = tuple(value * (i % 5) for i in range(len(made.series.values)))
        return replace(made, series=replace(made.series, values=tuple(v if abs(v) < 1e308 else value for v in values)))

    verdict, words = of_provenance(judged(choice, change=of_windows(written)))
    assert verdict is Verdict.INVALID
    assert "its readings" in words


@pytest.mark.parametrize("clock", [0, -5])
def test_a_clock_of_nothing_is_another_clock(clock):
    _, words = of_provenance(judged(change=of_windows(of_state(sm_clock_mhz=clock))))
    assert f"sm clock 1410 MHz in one arm and {clock} MHz in the other" in words


def thinned(every):
    """Every so many-th reading, reckoned anew: nothing but their number is wrong."""

    def change(made):
        series = PowerSeries(made.series.unit, made.series.times_s[::every], made.series.values[::every])
        call_s = made.work_s / made.items
        return window_of(made.arm, series, call_s, BOARD, made.start_s, made.state)

    return change


def test_readings_too_few_for_the_period_of_the_source_are_refused():
    verdict, words = of_provenance(judged(change=thinned(4)))
    assert verdict is Verdict.INVALID
    assert "0.16 s apart; 0.1 s at most" in words
    assert "provenance" not in of_provenance(judged(change=thinned(2)))[1]


def test_a_window_too_short_for_its_declared_error_has_no_energy_whatever_is_recorded():
    asked = EnergyPlan("auto", relative_error=0.002)  # the windows of these records are known to 0.7 %
    verdict, words = of_provenance(judged(telemetry=asked))
    assert verdict is Verdict.INVALID
    assert "window too short" in words


def test_work_in_step_with_a_part_time_sensor_is_refused_whatever_is_recorded():
    said = "its readings give none: aliased"

    def in_step(made):  # calls of 100 ms, the sensor's own period
        return replace(made, items=100)

    verdict, words = of_provenance(judged(change=in_step, then=of_choice(device_name="NVIDIA A100-SXM4-40GB")))
    assert verdict is Verdict.INVALID
    assert said in words


def copied(shift=0.0, scale=1.0):
    """The candidate's readings are the baseline's."""

    def change(session):
        base, null, own = session.energy.windows
        values = tuple(shift + scale * value for value in base.series.values)
        later = own.start_s - base.start_s
        series = PowerSeries("J", tuple(t + later for t in base.series.times_s), values)
        made = window_of(CANDIDATE, series, own.work_s / own.items, BOARD, own.start_s, own.state)
        return replace(session, energy=replace(session.energy, windows=(base, null, made)))

    return lambda record: each_session(record, change)


@pytest.mark.parametrize("lie", [copied(), copied(shift=100.0), copied(scale=0.9)])
def test_readings_of_one_arm_are_not_those_of_another_shifted_or_scaled(lie):
    verdict, words = of_provenance(judged(then=lie))
    assert verdict is Verdict.INVALID
    assert "readings stand in the store twice" in words
    assert "candidate repeats" in words


def test_readings_of_one_session_are_not_those_of_another():
    def same(record):
        return each_session(record, lambda s: replace(s, energy=record.sessions[0].energy))

    verdict, words = of_provenance(judged(then=same))
    assert verdict is Verdict.INVALID
    assert "readings stand in the store twice" in words


def test_windows_at_the_same_time_are_not_two_windows():
    def together(session):
        base, *others = session.energy.windows
        shifted = tuple(
            window_of(
                w.arm,
                PowerSeries("J", tuple(t - w.start_s + base.start_s for t in w.series.times_s), w.series.values),
                w.work_s / w.items,
                BOARD,
                base.start_s,
                w.state,
            )
            for w in others
        )
        return replace(session, energy=replace(session.energy, windows=(base, *shifted)))

    verdict, words = of_provenance(judged(then=lambda record: each_session(record, together)))
    assert verdict is Verdict.INVALID
    assert "at the same time" in words


def test_an_output_that_differs_in_a_window_makes_the_claim_invalid_and_the_speed_stands():
    def garbage(session):
        return replace(session, energy_checks=tuple(replace(c, scored_error=0.7) for c in session.energy_checks))

    decision = judged(then=lambda record: each_session(record, garbage))
    verdict, words = of_provenance(decision)
    assert verdict is Verdict.INVALID
    assert "outputs of calls in energy windows differ" in words
    assert decision.claims.speed.verdict is Verdict.EXPLORATORY


def test_a_record_made_before_outputs_of_windows_were_looked_at_supports_no_claim_and_is_no_lie():
    def older(record):
        return each_session(record, lambda s: replace(s, energy_checks=None))

    verdict, words = of_provenance(judged(then=older))
    assert verdict is Verdict.EXPLORATORY
    assert "no output of the calls in energy windows was looked at" in words


def test_a_session_whose_energy_was_taken_out_is_a_lost_one():
    def taken(session):
        return replace(session, energy=None) if session.index < 4 else session

    _, words = of_provenance(judged(then=lambda record: each_session(record, taken)))
    assert "4 of 10 sessions have no energy of both arms" in words


DRIVEN = powered(speed=GAIN, saved_power=0.05)


def measured_under(driver, again, sessions=10, split="development", **changes):
    """One measurement of the cell, under a driver; `again`: its place among others."""
    plan = plan_of(PRUNING, 64, 1, split, seed=again)
    made = b.at(DRIVEN(measured(PRUNING, plan, seed=again)), 1000.0 * (again + 1))
    made = of_choice(driver=driver, **changes)(made)
    return replace(made, sessions=made.sessions[:sessions])


def test_after_a_change_of_driver_only_what_the_new_one_measured_counts_and_the_old_is_named():
    both = [measured_under("560", 0), measured_under("570", 1)]
    found, alone = (energy_of_records(records, 0.05) for records in (both, both[1:]))
    assert found.unclaimable is None
    assert found.left_out == "10 sessions under driver 560 are left out: they do not compare with 570"
    assert (found.sessions, found.gain, found.low) == (alone.sessions, alone.gain, alone.low)
    assert found.left_out in found.reason
    assert found.device.endswith("570")


def test_whoever_changes_a_driver_for_another_answer_still_pays_for_the_look():
    [cell] = laid_out(b.stored(measured_under("560", 0)), b.stored(measured_under("570", 1))).cells
    assert cell.cell.looks == 2
    assert cell.alpha < laid_out(b.stored(measured_under("570", 1))).cells[0].alpha


def test_a_cell_that_a_new_driver_left_with_too_little_says_how_to_measure_it_again():
    few = [b.stored(measured_under("560", 0)), b.stored(measured_under("570", 1, sessions=1))]
    decision = judge(b.evidence(*few), r.POLICY)[0]
    found = [f for f in decision.gates if f.name == "energy"]
    assert {f.outcome for f in found} == {Outcome.NO_EVIDENCE}
    assert all("under driver 560 are left out" in f.next_step and "python launch.py" in f.next_step for f in found)


def test_what_the_old_driver_did_not_look_at_does_not_hold_up_the_new_one():
    old = each_session(measured_under("560", 0), lambda s: replace(s, energy_checks=None))
    dossier = laid_out(b.stored(old), b.stored(measured_under("570", 1)), policy=r.POLICY)
    assert {f.outcome for f in provenance(dossier, r.POLICY)} == {Outcome.PASS}


@pytest.mark.parametrize("changes", [{"device_uuid": "GPU-2"}, {"source": "nvml_power", "grade": Grade.DEVICE_POLLED}])
def test_another_board_or_source_is_no_change_of_driver(changes):
    found = energy_of_records([measured_under("560", 0), measured_under("560", 1, **changes)], 0.05)
    assert found.gain is None
    assert "do not compare" in found.reason
    assert "an experiment of its own" in found.reason


def test_cells_of_one_claim_under_two_drivers_name_the_command_that_measures_the_older_ones_again():
    cells = [measured_under("560", 0), measured_under("570", 1, split="validation")]
    dossier = laid_out(*map(b.stored, cells), policy=r.POLICY)
    [found] = [f for f in provenance(dossier, r.POLICY) if "several sources, boards or drivers" in f.evidence]
    assert found.outcome is Outcome.NO_EVIDENCE
    assert "driver 570" in found.evidence
    assert "split=development" in found.next_step
    assert "split=validation" not in found.next_step


def test_what_a_source_is_stands_in_the_facts_as_an_open_meter_says_it(tmp_path):
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    for name, text in (("name", "package-0"), ("energy_uj", "5000000"), ("max_energy_range_uj", "262143328850")):
        (zone / name).write_text(text)
    ports = Ports({VARIABLE: "250"}, "/none", ("/none",), tmp_path, rapl.read_text, "linux", 4, lambda: 0.0)
    opened = [
        meter.open(ports, EnergyPlan("modelled", tdp_w=65.0), None).description
        for meter in SOURCES
        if meter.name in ("rapl", "override", "modelled")
    ]
    assert len(opened) == 3
    for what in opened:
        facts = FACTS[what.source]
        assert (what.scope, what.kind, what.unit) == (facts.scope, facts.kind, facts.unit)
        assert (what.update_period_s, what.read_every_s) == (facts.update_period_s, facts.read_every_s)
        assert what.averaging_s in facts.averaging_s
        assert what.grade is GRADE_OF[what.source]
    assert set(FACTS) == {source.name for source in SOURCES} == set(GRADE_OF)


@pytest.mark.parametrize("choice", [BOARD, POLLED, PACKAGES, CONSTANT])
def test_what_auto_may_choose_is_not_misnamed(choice):
    assert misnamed(choice, EnergyPlan("auto")) is None


def test_a_model_is_what_it_says_where_it_was_asked_for():
    assert misnamed(MODEL, EnergyPlan("modelled", tdp_w=65.0)) is None
    assert "telemetry=nvml was planned" in misnamed(MODEL, EnergyPlan("nvml"))
