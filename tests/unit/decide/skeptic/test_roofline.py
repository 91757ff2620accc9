"""Rule too good, second half: what no machine of this peak can do.  The builder's candidate does .7 GFLOP and reads
43 MB; its baseline takes 25 ms, its machine does 250 GFLOP/s in float32 and reads at most 120 GB/s."""

import math
from dataclasses import replace

import pytest

from ace.decide.skeptic.mechanism import beyond_roofline
from ace.domain.finding import Outcome, Severity
from ace.domain.record import Peak
from ace.domain.session import BASELINE, CANDIDATE
from tests.builders import PEAK
from tests.unit.decide import builders as b
from tests.unit.decide.skeptic.test_mechanism import worked
from tests.unit.decide.table import GAIN, each_session, only_cell

POLICY = b.near_term()
SHORT = {"baseline_s": 0.025, "offset_sd": 0.0}


def asked(record):
    return beyond_roofline(only_cell(record), POLICY)


def gain_to(seconds: float) -> float:
    """The log gain with which the candidate takes so long."""
    return math.log(0.025 / seconds)


@pytest.mark.parametrize("declared", [None, (64, 44, 44, 31, 31, 31)])
def test_a_candidate_slower_than_the_machine_passes_whatever_it_declares(declared):
    found = asked(b.record(GAIN, declared=declared))
    assert (found.outcome, found.severity) == (Outcome.PASS, Severity.BLOCK)
    assert found.evidence == "candidate at 13% of what the machine can do, baseline at 16%"


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [(0.0028, Outcome.PASS), (0.0026, Outcome.PASS), (0.0025, Outcome.FAIL), (0.001, Outcome.FAIL)],
)
def test_a_tenth_under_the_least_time_is_where_it_becomes_too_good(seconds, outcome):
    # .7 GFLOP at 250 GFLOP/s take 2.8 ms; nine tenths of that are 2.52
    assert asked(b.record(gain_to(seconds), declared=None, **SHORT)).outcome is outcome


def test_what_blocks_names_the_cell_and_a_next_step():
    found = asked(b.record(gain_to(0.001), declared=None))
    assert (found.severity, found.cell) == (Severity.BLOCK, "development 64x1")
    assert "number type" in found.next_step


def test_every_number_type_is_held_against_its_own_peak():
    fast = b.record(gain_to(0.001), declared=None, **SHORT)
    in_int8 = each_session(fast, worked(flops_by_dtype=(("int8", 600_000_000), ("float32", 50_000_000))))
    assert asked(in_int8).outcome is Outcome.PASS  # .6 + .2 ms
    mostly_float = each_session(fast, worked(flops_by_dtype=(("int8", 350_000_000), ("float32", 350_000_000))))
    assert asked(mostly_float).outcome is Outcome.FAIL  # .35 + 1.4 ms


def test_memory_slower_than_a_cache_blocks_nothing():
    reading = worked(flops_by_dtype=(("float32", 1_000_000),), least_bytes=120_000_000)
    # 1 ms from a cache, 1.7 ms from memory
    assert asked(each_session(b.record(gain_to(0.001), declared=None, **SHORT), reading)).outcome is Outcome.PASS
    assert asked(each_session(b.record(gain_to(0.0008), declared=None, **SHORT), reading)).outcome is Outcome.FAIL


def test_what_fits_into_a_core_is_not_held_against_any_bandwidth():
    tiny = worked(flops_by_dtype=(("float32", 1_000_000),), least_bytes=4_000_000)
    assert asked(each_session(b.record(gain_to(1e-5), declared=None), tiny)).outcome is Outcome.PASS


def test_a_baseline_faster_than_the_peak_shows_that_the_peak_is_wrong_and_blocks_nobody():
    busy = Peak(1, (("float32", 20e9),), PEAK.bytes_per_s, None)
    found = asked(replace(b.record(GAIN), peak=busy))
    assert (found.outcome, found.severity) == (Outcome.NO_EVIDENCE, Severity.BLOCK)
    assert "measured too low" in found.evidence
    assert "cache_dir" in found.next_step


@pytest.mark.parametrize("peak", [None, Peak(1, (), (), "hung: the worker was killed")])
def test_without_a_peak_nothing_passes_and_acceptance_waits(peak):
    found = asked(replace(b.record(GAIN), peak=peak))
    assert (found.outcome, found.severity) == (Outcome.NO_EVIDENCE, Severity.BLOCK)


@pytest.mark.parametrize(
    ("work", "said"),
    [
        ({"flops_by_dtype": None}, "the FLOPs of a call"),
        ({"least_bytes": None}, "the bytes of a call"),
        ({"flops_by_dtype": (("float16", 700_000_000),)}, "the peak of float16"),  # the machine does not multiply in it
        ({"flops_by_dtype": (("int64", 700_000_000),)}, "the peak of int64"),
    ],
)
def test_work_that_cannot_be_counted_never_passes_and_says_what_is_not_known(work, said):
    found = asked(each_session(b.record(GAIN), worked(**work)))
    assert (found.outcome, found.severity) == (Outcome.NO_EVIDENCE, Severity.WARN)
    assert said in found.evidence


def test_what_is_known_blocks_although_the_rest_is_not():
    partly = worked(flops_by_dtype=(("float32", 700_000_000), ("int64", 1)))
    assert asked(each_session(b.record(gain_to(0.001), declared=None), partly)).outcome is Outcome.FAIL


def test_no_session_is_no_evidence():
    assert asked(replace(b.record(), sessions=())).outcome is Outcome.NO_EVIDENCE


def test_where_work_depends_on_the_documents_the_least_that_was_seen_counts():
    made = b.record(gain_to(0.002), declared=None, **SHORT)
    long, short = worked(flops_by_dtype=(("float32", 700_000_000),)), worked(flops_by_dtype=(("float32", 100_000_000),))
    mixed = replace(made, sessions=tuple((short if s.index == 7 else long)(s) for s in made.sessions))
    assert asked(each_session(made, long)).outcome is Outcome.FAIL
    assert asked(mixed).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("seq_len", "batch", "gflop", "baseline_ms"),
    [(64, 1, (1.37, 0.95), 17.0), (512, 4, (46.3, 31.2), 560.0)],
)
def test_honest_pruning_in_float32_passes_with_the_figures_of_a_real_machine(seq_len, batch, gflop, baseline_ms):
    made = b.record(math.log(gflop[0] / gflop[1]), of=b.plan(seq_len, batch), baseline_s=baseline_ms / 1000)
    for arm, work in ((BASELINE, gflop[0]), (CANDIDATE, gflop[1])):
        made = each_session(made, worked(arm, flops_by_dtype=(("float32", int(work * 1e9)),)))
    assert asked(made).outcome is Outcome.PASS
