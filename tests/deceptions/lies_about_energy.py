"""Lies about joules, told on records of an honest saving that a board's own counter, or the host's, was read for.

The windows are reckoned from simulated readings as a session does it (`tests.unit.decide.powered`); the energy claim of
the honest twin is accepted on its whole registered way.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from ace.domain.energy import CAPPED, EnergyPlan, EnergyWindow, Grade, PowerSeries, Scope, SourceChoice
from ace.domain.plan import VALIDATION
from ace.domain.record import CellRecord
from ace.domain.session import CANDIDATE, Session
from ace.domain.verdict import Verdict
from tests.deceptions.case import Case, Told
from tests.deceptions.changes import of_plan, sessions
from tests.deceptions.judged import ENERGY
from tests.deceptions.way import PRUNING, Change, Idea, walk
from tests.unit.decide.powered import BOARD, CALM, CONSTANT, PACKAGES, POLLED, powered, reckoned
from tests.unit.decide.table import GAIN

INCONCLUSIVE, INVALID = Verdict.INCONCLUSIVE, Verdict.INVALID
Retold = Callable[[EnergyWindow], EnergyWindow]


def saving(choice: SourceChoice = BOARD, device: str = "cuda", change: Retold = lambda window: window) -> Idea:
    """Pruning that is faster and draws less, read by this source."""
    return replace(PRUNING, shows=powered(choice, speed=GAIN, saved_power=0.05, device=device, change=change))


@cache
def by_counter() -> Told:
    return Told(walk(saving()).evidence())


@cache
def by_polling() -> Told:
    return Told(walk(saving(POLLED)).evidence())


@cache
def by_packages() -> Told:
    return Told(walk(saving(PACKAGES, "cpu")).evidence())


def capped(window: EnergyWindow) -> EnergyWindow:
    return replace(window, flags=(CAPPED,), state=replace(CALM, event_reasons=0x4, sm_clock_mhz=1200))


@cache
def both_capped() -> Told:
    """The cap is in both arms, so the comparison is fair."""
    return Told(walk(saving(change=capped)).evidence())


def lie(change: Change, idea: Idea | None = None) -> Told:
    return Told(walk(idea or saving(), change).evidence())


def of_candidate(change: Retold) -> Change:
    """The candidate's windows, in every session."""

    def changed(session: Session) -> Session:
        assert session.energy is not None
        windows = tuple(change(w) if w.arm == CANDIDATE else w for w in session.energy.windows)
        return replace(session, energy=replace(session.energy, windows=windows))

    return sessions(changed)


def nothing_read(record: CellRecord) -> CellRecord:
    """A power was declared, and no source is in the record."""
    bare = sessions(lambda s: replace(s, energy=None, energy_checks=None))(record)
    return of_plan(telemetry=EnergyPlan("override"))(replace(bare, energy_sources=()))


def of_choice(**changes: object) -> Change:
    return lambda record: replace(
        record,
        energy_sources=tuple(replace(c, **changes) for c in record.energy_sources),  # type: ignore[arg-type]
    )


def of_state(**changes: object) -> Change:
    return of_candidate(lambda w: replace(w, state=w.state and replace(w.state, **changes)))  # type: ignore[arg-type]


def known_to(relative: float) -> Retold:
    """Every part of its uncertainty is so small."""

    def change(window: EnergyWindow) -> EnergyWindow:
        assert window.budget is not None
        parts = tuple(replace(part, relative=relative) for part in window.budget.components)
        return replace(window, budget=replace(window.budget, components=parts))

    return change


def fewer_joules(window: EnergyWindow) -> EnergyWindow:
    assert window.energy_j is not None
    return replace(window, energy_j=0.9 * window.energy_j)


def every_fifth(window: EnergyWindow) -> EnergyWindow:
    series = PowerSeries(window.series.unit, window.series.times_s[::5], window.series.values[::5])
    return reckoned(window.arm, series, window.work_s / window.items, BOARD, window.start_s, window.state)


def of_the_baseline(session: Session) -> Session:
    """The candidate's readings are the baseline's, of a tenth less."""
    assert session.energy is not None
    base, null, own = session.energy.windows
    times = tuple(t + own.start_s - base.start_s for t in base.series.times_s)
    series = PowerSeries("J", times, tuple(0.9 * value for value in base.series.values))
    made = reckoned(CANDIDATE, series, own.work_s / own.items, BOARD, own.start_s, own.state)
    return replace(session, energy=replace(session.energy, windows=(base, null, made)))


def one_for_all(record: CellRecord) -> CellRecord:
    return sessions(lambda s: replace(s, energy=record.sessions[0].energy))(record)


def at_once(session: Session) -> Session:
    """All windows begin with the baseline's, so that two arms ran on the board together."""
    assert session.energy is not None
    start_s = session.energy.windows[0].start_s

    def moved(w: EnergyWindow) -> EnergyWindow:
        series = PowerSeries("J", tuple(t - w.start_s + start_s for t in w.series.times_s), w.series.values)
        return reckoned(w.arm, series, w.work_s / w.items, BOARD, start_s, w.state)

    return replace(session, energy=replace(session.energy, windows=tuple(map(moved, session.energy.windows))))


def rested(session: Session) -> Session:
    checks = tuple(replace(c, scored_error=1.0) if c.arm == CANDIDATE else c for c in session.energy_checks or ())
    return replace(session, energy_checks=checks)


def unchecked(session: Session) -> Session:
    return replace(session, energy_checks=None)


def four_taken_out(session: Session) -> Session:
    return replace(session, energy=None) if session.index < 4 else session


def constant() -> Told:
    """65 W times the time, with the name of a counter."""
    return lie(of_choice(source="override", grade=Grade.DEVICE_COUNTER), saving(CONSTANT))


def other_driver() -> Told:
    """Validation was measured under another driver than the rest."""
    return Told(walk(saving(), of_choice(driver="570"), on=(VALIDATION,)).evidence())


CASES = (
    Case("energy from a constant", "Energy is claimed as 65 W times the time; nothing read a sensor.",
         ("provenance",), INCONCLUSIVE, lambda: lie(nothing_read), "no energy source", by_counter, scope=ENERGY),
    Case("a constant that is called a counter", "A declared power stands in the record as DEVICE_COUNTER.",
         ("provenance",), INVALID, constant, "override is said to be", by_counter, scope=ENERGY),
    Case("fewer joules than the readings", "The candidate's joules are a tenth less than its readings give.",
         ("provenance",), INVALID, lambda: lie(of_candidate(fewer_joules)), "its readings give", by_counter,
         scope=ENERGY),
    Case("known to a thousandth", "Each part of the uncertainty is 0.1 %; the sensor's gain alone is known to 4.5 %.",
         ("provenance",), INVALID, lambda: lie(of_candidate(known_to(0.001))), "source and readings give", by_counter,
         scope=ENERGY),
    Case("throttled windows kept", "The candidate's board was too hot (0x40), and its windows count.",
         ("provenance",), INVALID, lambda: lie(of_state(event_reasons=0x40)), "throttled", by_counter, scope=ENERGY),
    Case("another power limit", "The candidate ran under a limit of 250 W, the baseline of 300 W.",
         ("provenance",), INCONCLUSIVE, lambda: lie(of_state(power_limit_w=250.0)),
         "the power limit is", by_counter, scope=ENERGY),
    Case("capped in one arm, flagged in both", "The cap's event bit is gone from the candidate, its flag is not.",
         ("provenance",), INVALID, lambda: lie(of_state(event_reasons=0), saving(change=capped)),
         "flagged power capped", both_capped, scope=ENERGY),
    Case("lower clocks in one arm", "The candidate's clocks were locked at two thirds of the baseline's.",
         ("provenance",), INCONCLUSIVE, lambda: lie(of_state(sm_clock_mhz=940)), "sm clock", by_counter,
         scope=ENERGY),
    Case("event reasons removed", "Whether the board was throttled stands nowhere.",
         ("provenance",), INCONCLUSIVE, lambda: lie(of_state(event_reasons=None)), "may have been throttled",
         by_counter, scope=ENERGY),
    Case("a board's counter as the host's", "A board's meter is said to see the work on the processor.",
         ("provenance",), INVALID, lambda: lie(of_choice(scope=Scope.HOST), saving(device="cpu")),
         "is said to measure the host", by_packages, scope=ENERGY),
    Case("a better grade", "Polled power is called a counter's.",
         ("provenance",), INVALID, lambda: lie(of_choice(grade=Grade.DEVICE_COUNTER), saving(POLLED)),
         "is said to be DEVICE_COUNTER", by_polling, scope=ENERGY),
    Case("another source than planned", "telemetry=rapl was asked for, and a board's counter measured.",
         ("provenance",), INVALID, lambda: lie(of_plan(telemetry=EnergyPlan("rapl"))), "telemetry=rapl was planned",
         by_counter, scope=ENERGY),
    Case("a board without a name", "Neither UUID nor driver of the board is recorded.",
         ("provenance",), INCONCLUSIVE, lambda: lie(of_choice(device_uuid=None, driver=None)),
         "UUID and driver not recorded", by_counter, scope=ENERGY),
    Case("two drivers", "Validation was measured under another driver than the rest.",
         ("provenance",), INCONCLUSIVE, other_driver, "measure the others by it too", by_counter, scope=ENERGY),
    Case("four readings of five left out", "What the counter did between the readings nobody can see.",
         ("provenance",), INVALID, lambda: lie(of_candidate(every_fifth)), "s apart", by_counter, scope=ENERGY),
    Case("the baseline's readings, scaled", "The candidate's readings are the baseline's times 0.9.",
         ("provenance",), INVALID, lambda: lie(sessions(of_the_baseline)), "stand in the store twice", by_counter,
         scope=ENERGY),
    Case("one window in all sessions", "The first session's energy stands in every other one.",
         ("provenance",), INVALID, lambda: lie(one_for_all), "stand in the store twice", by_counter, scope=ENERGY),
    Case("windows at the same time", "Both arms' windows began together.",
         ("provenance",), INVALID, lambda: lie(sessions(at_once)), "at the same time", by_counter, scope=ENERGY),
    Case("idle in its windows", "In energy windows the candidate returns something else than it is scored by.",
         ("provenance",), INVALID, lambda: lie(sessions(rested)), "outputs of calls in energy windows differ",
         by_counter, scope=ENERGY),
    Case("windows that nobody looked into", "No output of the calls in energy windows was kept.",
         ("provenance",), INCONCLUSIVE, lambda: lie(sessions(unchecked)), "no output of the calls", by_counter,
         scope=ENERGY),
    Case("sessions without their energy", "Of four sessions in ten the windows were taken out.",
         ("provenance",), INCONCLUSIVE, lambda: lie(sessions(four_taken_out)), "4 of 10 sessions", by_counter,
         scope=ENERGY),
)  # fmt: skip
