from dataclasses import replace

import pytest

from ace.domain.budget import Budget, Component
from ace.domain.energy import EnergyWindow, PowerSeries, SessionEnergy
from ace.domain.isolated import Isolated, IsolatedPair
from ace.domain.plausible import impossible
from ace.domain.record import Imported, MemoryUse
from ace.domain.session import Timings
from tests import builders as b


def each(**changes):
    made = b.record(sessions=2)
    return replace(made, sessions=tuple(replace(s, **changes) for s in made.sessions))


def timed(seconds):
    timings = (Timings("baseline", (0.1, seconds), (0.1, 0.1)),)
    return each(timings=timings, order=(("baseline",),) * 2, inputs=((0,),) * 2)


def imported(seconds):
    tables = ((0.1,), (0.1,)), ((0.1,), (seconds,))
    own = Imported("csv", "times.csv", "0" * 64, "dense", "pruned", *tables, "unknown", "nobody says")
    return replace(b.record(), sessions=(), imported=own)


def alone(seconds):
    pair = IsolatedPair(0, "baseline", (0.1, seconds), (0.1, 0.1), "documents", 1000.0)
    return replace(b.record(), isolated=Isolated(1, (pair,), ()))


def planned(**changes):
    made = b.record()
    return replace(made, plan=replace(made.plan, protocol=replace(made.plan.protocol, **changes)))


def visited(**changes):
    seen = b.record().sessions[0].probes
    return each(probes=replace(seen, visits=tuple(replace(visit, **changes) for visit in seen.visits)))


def powered(**changes):
    series = PowerSeries("W", (0.0, 1.0), (50.0, 50.0))
    read = EnergyWindow("baseline", "rapl", 0.0, 1.0, 10, 50.0, None, 0.1, Budget(()), (), None, series)
    return each(energy=SessionEnergy((), (), (replace(read, **changes),)))


def test_what_was_measured_is_possible():
    assert impossible(b.record()) is None
    assert impossible(imported(0.1)) is impossible(alone(0.1)) is impossible(powered()) is None
    assert impossible(replace(b.record(loss=None), sessions=(), peak=None, memory=())) is None


def test_a_clock_that_was_set_back_while_a_session_loaded_is_possible():
    assert impossible(each(ready_s=-3.0)) is None


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (replace(b.record(), first_prepare_s=-1.0), "first_prepare_s is -1: nothing can have measured that"),
        (each(prepare_s=-0.5), "session 0: prepare_s is -0.5: nothing"),
        (each(calls_per_timing=0), "session 0: calls_per_timing is 0: nothing"),
        (each(timed_s=-1.0), "session 0: timed_s is -1: nothing"),
        (each(declared_tokens_per_layer=(10**400,)), "is too large to be counted: nothing"),
        (each(warmup=(), timings=(Timings("baseline", (1.0,), (-1.0,)),), order=(("baseline",),), inputs=((0,),)),
         "least CPU time of baseline is -1: nothing"),
        (replace(b.record(), memory=(MemoryUse("candidate", 0, None),)), "memory of candidate is 0: nothing"),
        (replace(b.record(), memory=(MemoryUse("candidate", 1, None, -1),)), "memory of candidate on its board is -1"),
        (each(arms=(replace(b.record().sessions[0].arms[0], cuda_graphs=-1),)), "CUDA graphs of baseline is -1"),
        (each(started_at=1e300), "in a year that no calendar has"),
        (replace(b.record(), ended_at=-1e12), "in a year that no calendar has"),
        (each(measuring_s=0.0), "session 0: measuring_s is 0: nothing"),
        (each(environment=b.environment(threads=0)), "session 0: threads is 0: nothing"),
        (each(ready_s=1e300), "session 0: ready_s is too large to be counted: nothing"),
        (timed(1e308), "session 0: most wall time of baseline is too large to be counted: nothing"),
        (timed(5e-324), "session 0: least wall time of baseline is 4.94066e-324: nothing"),
        (each(warmup=(Timings("baseline", (1e300,), (1.0,)),)), "wall time of baseline is too large"),
        (imported(1e-16), "session 1: least imported time of candidate is 1e-16: nothing"),
        (imported(1e19), "session 1: least imported time of candidate is too large to be counted: nothing"),
        (alone(1e-300), "least isolated wall time is 1e-300: nothing"),
        (planned(sessions=10**400), "protocol.sessions is too large to be counted: nothing"),
        (planned(session_limit_s=1e300), "protocol.session_limit_s is too large to be counted: nothing"),
        (visited(fresh_s=1e-300), "session 0: least time of a visit of baseline is 1e-300: nothing"),
        (visited(busy_s=1e300), "session 0: busy time of a visit of baseline is too large to be counted: nothing"),
        (powered(energy_j=5e-324), "session 0: energy of baseline is 4.94066e-324: nothing"),
        (powered(energy_j=1e300), "session 0: energy of baseline is too large to be counted: nothing"),
        (powered(work_s=1e-300), "session 0: work of baseline is 1e-300: nothing"),
        (powered(items=10**400), "session 0: items of baseline is too large to be counted: nothing"),
        (powered(series=PowerSeries("W", (0.0,), (1e300,))), "power reading of baseline is too large"),
        (powered(budget=Budget((Component("gain", 1e300, True, ""),))), "uncertainty of baseline is too large"),
        (replace(b.record(), quality=replace(b.quality(), cosine=(-1e300,) * 1000)), "least cosine is too large"),
    ],
)  # fmt: skip
def test_a_number_without_a_measurement_that_could_have_given_it_is_named_with_its_place(made, said):
    assert said in impossible(made)


def test_what_an_executor_declares_of_itself_may_be_wrong():
    assert impossible(each(declared_tokens_per_layer=(-5,) * 6)) is None
