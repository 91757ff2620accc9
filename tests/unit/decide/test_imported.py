"""What imported timings can and cannot support: judged as far as they go, and never as if ACE had measured them."""

import csv
import io
import math
import sys
from dataclasses import replace

import numpy as np
import pytest

from ace.decide import judge
from ace.domain.decision import overall
from ace.domain.estimate import Answer
from ace.domain.finding import Outcome
from ace.domain.plan import ExecutorSpec
from ace.domain.plausible import LEAST_S, MOST, impossible
from ace.domain.record import CellRecord, Imported
from ace.domain.verdict import Regime, Verdict
from ace.report.tables import regime_csv
from tests.unit.decide import builders as b


def imported(order: str, gain: float = 0.122, sessions: int = 12) -> CellRecord:
    rng = np.random.default_rng(0)
    baseline = 0.02 * np.exp(rng.normal(0, 0.004, (sessions, 1)) + rng.normal(0, 0.01, (sessions, 12)))
    candidate = 0.02 * np.exp(rng.normal(0, 0.004, (sessions, 1)) + rng.normal(0, 0.01, (sessions, 12)) - gain)
    made = b.record(of=replace(b.plan(), executor=ExecutorSpec("imported.csv", ())), loss=None)
    tables = [tuple(map(tuple, table.tolist())) for table in (baseline, candidate)]
    own = Imported("csv", "times.csv", "0" * 64, "dense", "pruned", *tables, order, "as the file says")
    return replace(made, sessions=(), imported=own)


@pytest.mark.parametrize("order", ["blocked", "unknown"])
def test_an_order_that_hides_drift_never_passes_the_gain_gate_and_says_why(order):
    [decision] = judge(b.evidence(b.stored(imported(order))), b.near_term())
    gains = [f for f in decision.gates if f.name == "gain"]
    assert overall(gains) is Outcome.NO_EVIDENCE
    [cell] = decision.cells
    assert (cell.answer, cell.regime) == (Answer.INCONCLUSIVE, Regime.UNRESOLVED)
    assert any(order in reason for reason in cell.reasons)


@pytest.mark.parametrize("order", ["interleaved", "alternating"])
def test_a_known_order_is_estimated_and_what_was_never_seen_stays_missing(order):
    [decision] = judge(b.evidence(b.stored(imported(order))), b.near_term())
    [cell] = decision.cells
    assert cell.answer is Answer.FASTER
    assert cell.provenance.latency == "IMPORTED"
    assert decision.verdict is Verdict.EXPLORATORY
    for name in ("parity", "instrument", "quality", "provenance"):
        assert overall(f for f in decision.gates if f.name == name) is Outcome.NO_EVIDENCE, name


def test_imported_timings_are_never_pooled_with_measured_ones():
    measured = b.record(0.0)
    foreign = replace(imported("interleaved"), plan=measured.plan, started_at=2000.0, weights=measured.weights)
    [decision] = judge(b.evidence(b.stored(measured), b.stored(foreign, started_at=2000.0)), b.near_term())
    [cell] = decision.cells
    assert cell.provenance.latency == "MEASURED"
    assert cell.sessions == 10


def test_the_farthest_times_that_a_record_may_hold_are_told_in_numbers():
    made = imported("interleaved", sessions=6)
    farthest = tuple((MOST if session % 2 else LEAST_S,) * 12 for session in range(6))
    made = replace(made, imported=replace(made.imported, candidate=farthest))
    assert impossible(made) is None
    [decision] = judge(b.evidence(b.stored(made)), b.near_term(alpha=1e-9))
    [cell] = decision.cells
    assert cell.high > math.log(sys.float_info.max)
    [row] = csv.DictReader(io.StringIO(regime_csv(decision.cells)))
    assert math.isfinite(float(row["high_percent"]))
