from dataclasses import replace

import pytest

from ace.domain.plausible import impossible
from ace.domain.record import MemoryUse
from ace.domain.session import Timings
from tests import builders as b


def each(**changes):
    made = b.record(sessions=2)
    return replace(made, sessions=tuple(replace(s, **changes) for s in made.sessions))


def test_what_was_measured_is_possible():
    assert impossible(b.record()) is None
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
    ],
)  # fmt: skip
def test_a_number_without_a_measurement_that_could_have_given_it_is_named_with_its_place(made, said):
    assert said in impossible(made)


def test_what_an_executor_declares_of_itself_may_be_wrong():
    assert impossible(each(declared_tokens_per_layer=(-5,) * 6)) is None
