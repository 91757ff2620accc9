from dataclasses import replace

from ace.decide import judge
from ace.decide.gather import records
from ace.decide.replay import evidence_of
from ace.domain.decision import decision_text, document, overall
from ace.domain.finding import Outcome
from ace.domain.verdict import Regime, Verdict
from tests.unit.decide import builders as b
from tests.unit.decide.registered import fair
from tests.unit.decide.table import GAIN

POLICY = b.near_term()


def grid(gain, *shapes, splits=("development", "validation"), **changes):
    """An honest map."""
    return [
        b.stored(b.honest(gain, b.plan(seq_len, batch, split), difference=-0.007, **changes))
        for split in splits
        for seq_len, batch in shapes
    ]


def decide(*cells):
    [decision] = judge(b.evidence(*cells), POLICY)
    return decision


def test_judging_twice_gives_the_same_bytes():
    cells = grid(GAIN, (64, 1), (128, 1))
    assert decision_text(decide(*cells)) == decision_text(decide(*reversed(cells)))


def test_the_document_has_the_fields_that_others_rely_on():
    made = document(decide(*grid(GAIN, (64, 1))))
    assert {
        "schema_version",
        "experiment",
        "verdict",
        "claims",
        "registration",
        "policy",
        "gates",
        "findings",
        "cells",
        "look_ledger",
        "environment",
        "versions",
    } <= set(made)
    assert set(made["claims"]) == {"speed", "energy", "memory", "ecd"}
    assert all(set(claim) == {"verdict", "reasons", "cells"} for claim in made["claims"].values())
    finding = {"name", "outcome", "severity", "cell", "evidence", "threshold", "next_step"}
    assert all(set(f) == finding for f in made["gates"] + made["findings"])
    cell = {
        "seq_len",
        "batch",
        "hidden",
        "depth",
        "split",
        "gain",
        "low",
        "high",
        "sessions",
        "answer",
        "regime",
        "quality",
        "energy",
        "provenance",
    }
    assert cell <= set(made["cells"][0])
    assert made["versions"]["torch"] == "2.13.0"
    assert made["registration"] is None


def test_cells_stand_once_each_per_split_however_often_they_were_measured():
    again = b.stored(b.honest(GAIN, b.plan(seed=1), seed=1))
    decision = decide(*grid(GAIN, (64, 1)), again)
    assert [cell.cell for cell in decision.cells] == ["development 64x1", "validation 64x1"]
    assert [cell.sessions for cell in decision.cells] == [20, 10]


def test_only_positive_development_cells_are_claimed():
    cells = [*grid(GAIN, (64, 1)), *grid(0.0, (96, 1))]
    decision = decide(*cells)
    assert decision.claims.speed.cells == ("development 64x1",)
    assert {c.cell: c.regime for c in decision.cells}["development 96x1"] is Regime.BOUNDARY


def test_other_scopes_are_listed_and_never_implied():
    claims = decide(*grid(GAIN, (64, 1))).claims
    for scope in (claims.energy, claims.memory, claims.ecd):
        assert scope.verdict is Verdict.INCONCLUSIVE
        assert "no evidence" in scope.reasons[0].lower().replace("_", " ")


def test_a_calibration_says_so_and_never_exceeds_exploratory():
    cells = [b.stored(replace(cell.record, planted="baseline")) for cell in grid(GAIN, (64, 1)) if cell.record]
    decision = decide(*cells)
    assert decision.planted == "baseline"
    assert decision.verdict is Verdict.EXPLORATORY
    assert "calibration" in decision.claims.speed.reasons[0]


def test_attempts_that_gave_no_evidence_are_listed():
    dead = b.stored(b.record(), run_id="dead", status="KILLED", record=None, problem="killed by SIGTERM")
    decision = decide(*grid(GAIN, (64, 1)), dead)
    assert [(a.run_id, a.used, a.problem) for a in decision.attempts if not a.used] == [
        ("dead", False, "killed by SIGTERM")
    ]


def test_the_records_of_a_decision_are_its_claims_alone():
    mine, other = grid(GAIN, (64, 1)), b.stored(b.record(of=b.plan(parameters=(("keep_ratio", 0.5),))))
    store = b.evidence(*mine, other)
    decisions = judge(store, POLICY)
    kept = [records(evidence_of(decision.claim, store).cells) for decision in decisions]
    assert sorted(len(found) for found in kept) == [1, 2]


def test_a_claim_of_which_only_ashes_are_left_is_judged_after_the_others():
    failed = b.stored(
        b.record(of=b.plan(parameters=(("keep_ratio", 0.5),))),
        run_id="failed",
        status="FAILED",
        record=None,
        problem="traceback: raised",
        record_digest=None,
        tagged_digest=None,
        started_at=9999.0,
    )
    first, last = judge(b.evidence(*grid(GAIN, (64, 1)), failed), POLICY)
    assert first.cells
    assert (last.cells, last.verdict) == ((), Verdict.EXPLORATORY)
    assert overall(f for f in last.gates if f.name == "coverage") is Outcome.NO_EVIDENCE


def test_the_commands_to_reproduce_name_every_split():
    commands = decide(*grid(GAIN, (64, 1), (128, 1))).reproduce
    assert ["split=development" in c for c in commands] == [True, False, False]
    assert commands[-1] == "ace-decide --experiment token_pruning"


def test_each_cell_is_reproduced_by_the_protocol_and_with_the_rivals_it_was_measured_with():
    def quick(seq_len):
        made = b.plan(seq_len, sessions=6)
        return replace(made, protocol=replace(made.protocol, name="quick", min_timing_s=0.05))

    first = b.stored(fair(GAIN, b.plan(64)), "confirmed")
    rest = [b.stored(b.honest(GAIN, quick(seq_len)), str(seq_len)) for seq_len in (16, 32)]
    command = decide(first, *rest).reproduce[0]
    for part in command.split(" && "):
        told = ("protocol=quick" in part, "rivals=null" in part, "seq_len=16,32" in part, "seq_len=64" in part)
        assert told in ((True, True, True, False), (False, False, False, True))
    assert command.count(" && ") == 1
