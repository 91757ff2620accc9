"""An honest winner wins, and nothing that was changed after the registration passes for it."""

from dataclasses import replace

import pytest

from ace.decide import judge
from ace.decide.envelope import unsafe_envelope
from ace.decide.freezing import freeze
from ace.decide.replay import evidence_of, replayed
from ace.domain.finding import Outcome, Severity
from ace.domain.policy import Policy
from ace.domain.record import Failure, MemoryUse
from ace.domain.registration import chain_problem
from ace.domain.stored import StoredRegistration, StoredSweep
from ace.domain.verdict import Verdict
from ace.domain.wording import percent_within
from ace.errors import PlanError
from ace.guard.serving import _inside
from tests.unit.decide import builders as b
from tests.unit.decide import registered as r
from tests.unit.decide.rivals import with_rivals
from tests.unit.decide.table import GAIN, each_session


def whole_way(*shapes, chosen="auto", **holdout):
    cells = r.explored(*(shapes or ((64, 1),)))
    made = r.registration_of(cells, chosen)
    look = r.look_of(made)
    return cells + r.opened(made, look, **holdout), made, look


def failing(decision, gate):
    return [f for f in decision.gates if f.name == gate and f.outcome is Outcome.FAIL]


def test_an_honest_gain_that_was_registered_and_holds_on_sealed_documents_is_accepted():
    cells, made, look = whole_way()
    decision = r.decide(r.evidence(cells, made, (look,)))
    assert (decision.verdict, decision.claims.speed.reasons) == (
        Verdict.ACCEPTED,
        ("every required gate passes on the whole grid",),
    )
    assert decision.registration == made.digest
    assert decision.look_ledger == (look.digest,)


@pytest.mark.parametrize(
    ("refused", "verdict"),
    [
        ("batch=2,executor=token_pruning,seq_len=64", Verdict.ACCEPTED_WITHIN_ENVELOPE),
        ("batch=2,executor=of_another_idea,seq_len=64", Verdict.ACCEPTED),
        ("batch=1,executor=token_pruning,seq_len=64", Verdict.ACCEPTED),  # refused at first, and measured since
    ],
)
def test_a_grid_of_which_a_job_could_not_be_run_is_not_claimed_as_a_whole(refused, verdict):
    cells, made, look = whole_way()
    job = "batch=1,executor=token_pruning,seq_len=64"
    cells[0] = replace(cells[0], sweep="swept", job=job)
    swept = StoredSweep("run", "swept", "FINISHED", 1.0, tuple(sorted({job, refused})), (refused,))
    decision = r.decide(r.evidence(cells, made, (look,), sweeps=(swept,)))
    assert decision.verdict is verdict, decision.claims.speed.reasons


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"versions": (("torch", "1.0"),)}, "torch 1.0"), ({"variables": (("LD_PRELOAD", "x.so"),)}, "LD_PRELOAD x.so")],
)
@pytest.mark.parametrize("first", [0, 1])  # all sessions of the holdout, or all but its first
def test_a_holdout_by_other_libraries_or_settings_than_development_confirms_nothing(changes, told, first):
    def elsewhere(record):
        moved = (replace(s, environment=b.environment(**changes)) for s in record.sessions[first:])
        return replace(record, sessions=(*record.sessions[:first], *moved))

    cells = r.explored((64, 1))
    made = r.registration_of(cells)
    look = r.look_of(made)
    decision = r.decide(r.evidence([*cells, *r.opened(made, look, change=elsewhere)], made, (look,)))
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert any("parity" in reason and told in reason for reason in decision.claims.speed.reasons)


def test_a_claim_of_a_part_of_the_grid_is_accepted_within_its_envelope():
    cells, made, look = whole_way((64, 1), (128, 1), chosen="64x1")
    decision = r.decide(r.evidence(cells, made, (look,)))
    assert decision.verdict is Verdict.ACCEPTED_WITHIN_ENVELOPE
    assert decision.claims.speed.cells == ("development 64x1",)


def test_before_the_holdout_the_verdict_is_exploratory_and_names_the_command_that_opens_it():
    cells = r.explored((64, 1))
    made = r.registration_of(cells)
    decision = r.decide(r.evidence(cells, made))
    assert decision.verdict is Verdict.EXPLORATORY
    assert any("split=holdout" in reason for reason in decision.claims.speed.reasons)


def test_without_a_registration_the_next_step_is_to_make_one():
    decision = r.decide(r.evidence(r.explored((64, 1)), None))
    assert any("ace-freeze --experiment token_pruning" in reason for reason in decision.claims.speed.reasons)


def test_a_registered_cell_that_the_holdout_lacks_is_inconclusive_and_named():
    cells, made, look = whole_way((64, 1), (128, 1))
    missing = [cell for cell in cells if cell.run_id != "hold-128x1"]
    decision = r.decide(r.evidence(missing, made, (look,)))
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert any("seq_len=128" in reason for reason in decision.claims.speed.reasons)


@pytest.mark.parametrize(
    ("holdout", "verdict"),
    [({"gain": 0.0}, Verdict.REJECTED_NO_GAIN), ({"difference": -0.08}, Verdict.REJECTED_NO_GAIN),
     ({"gain": -0.1}, Verdict.REJECTED_NO_GAIN)],
)  # fmt: skip
def test_a_gain_or_quality_that_does_not_hold_on_sealed_documents_is_rejected(holdout, verdict):
    cells, made, look = whole_way(**holdout)
    decision = r.decide(r.evidence(cells, made, (look,)))
    assert decision.verdict is verdict
    assert failing(decision, "holdout")


def test_another_policy_than_the_registered_one_is_seen():
    cells, made, look = whole_way()
    decision = r.decide(r.evidence(cells, made, (look,)), b.near_term(delta=0.02))
    assert decision.verdict is Verdict.INVALID
    assert "the policy is another one" in failing(decision, "frozen")[0].evidence


def test_an_altered_registration_is_not_believed():
    cells, made, look = whole_way()
    broken = replace(
        r.evidence(cells, made, (look,)),
        registrations=(StoredRegistration("registration", None, "registration.json was altered"),),
    )
    assert r.decide(broken).verdict is Verdict.INVALID


def test_a_registration_that_was_made_after_the_holdout_was_opened_is_none():
    cells, made, look = whole_way(started_at=r.FROZEN_AT - 500)
    decision = r.decide(r.evidence(cells, made, (look,)))
    assert "before the registration" in failing(decision, "frozen")[0].evidence


def test_holdout_runs_of_another_registration_do_not_count_for_this_one():
    cells, made, _ = whole_way()
    other = replace(made, frozen_at=made.frozen_at + 0.5)
    decision = r.decide(r.evidence(cells, other, (r.look_of(other),)))
    assert decision.verdict is Verdict.INVALID


def test_a_look_that_was_removed_from_the_ledger_is_missed():
    cells, made, _ = whole_way()
    decision = r.decide(r.evidence(cells, made, ()))
    assert decision.verdict is Verdict.INVALID
    assert "is not in the ledger" in failing(decision, "integrity")[0].evidence


def test_a_ledger_that_cannot_be_read_is_an_integrity_failure():
    cells, made, look = whole_way()
    decision = r.decide(r.evidence(cells, made, (look,), ledger_problem="line 1 of the ledger is no look"))
    assert "is no look" in failing(decision, "integrity")[0].evidence


def test_more_looks_than_the_policy_allows_are_seen_and_allowed_ones_are_paid_for():
    cells, made, look = whole_way()
    earlier = replace(look, registration="an earlier one")
    second = replace(look, index=1, previous=earlier.digest)
    made_again = r.opened(made, second)
    kept = [cell for cell in cells if "hold" not in cell.run_id]
    decision = r.decide(r.evidence(kept + made_again, made, (earlier, second)))
    assert "has looked 2 times" in failing(decision, "holdout")[0].evidence


def test_a_holdout_that_shares_documents_with_development_confirms_nothing():
    cells, made, look = whole_way()
    seen = cells[0].record.documents

    def leaked(record):
        return replace(record, documents=(*record.documents[:-1], seen[0]))

    kept = [cell for cell in cells if "hold" not in cell.run_id]
    decision = r.decide(r.evidence(kept + r.opened(made, look, change=leaked), made, (look,)))
    assert "share 1 documents" in failing(decision, "holdout")[0].evidence


def test_an_executor_that_was_edited_after_development_is_told_so_with_the_command_that_measures_it_anew():
    old, validated = r.explored((64, 1))
    edited = replace(validated.record, code=replace(validated.record.code, executor_digest="edited"))
    with pytest.raises(PlanError, match="has no development cell; development was measured of") as refused:
        r.registration_of([old, b.stored(b.at(edited, 1500.0), "val-64x1")])
    assert "measure it: python launch.py" in str(refused.value)
    assert "split=development" in str(refused.value)
    with pytest.raises(PlanError, match="has no development cell; measure it: "):
        r.registration_of([validated])


def test_the_null_candidate_has_nothing_to_register():
    cells = r.explored((64, 1), gain=0.0)
    with pytest.raises(PlanError, match="development 64x1 is boundary"):
        r.registration_of(cells)


def test_an_unresolved_cell_is_refused_with_its_interval_the_rule_that_doubts_it_and_what_to_do():
    calm, scattered = r.explored((64, 1)), b.honest(GAIN, b.plan(64, 1), seed=20, offset_sd=0.3)
    with pytest.raises(PlanError, match="development 64x1 is unresolved") as refused:
        r.registration_of([b.stored(scattered, "dev-64x1"), *calm[1:]])
    told = str(refused.value)
    decision = r.decide(b.evidence(b.stored(scattered, "dev-64x1"), *calm[1:]))
    doubts = [f for f in decision.findings if f.severity is Severity.DOWNGRADE and f.outcome is Outcome.FAIL]
    [cell] = [c for c in decision.cells if c.split == "development"]
    assert percent_within(cell.gain, cell.low, cell.high) in told
    assert doubts
    assert all(f"{f.name} (development 64x1) FAIL: {f.evidence} -> {f.next_step}" in told for f in doubts)


def test_a_cell_that_truncation_does_as_well_is_left_out_with_the_reason():
    cells = r.explored((64, 1), (128, 1))
    weak = [c for c in cells if c.run_id != "dev-128x1"]
    rivalled = with_rivals(
        b.honest(GAIN, b.plan(128, 1)),
        {"truncation": GAIN, "random": GAIN, "compiled": 0.02},
        {"truncation": b.scored(-0.004), "random": b.scored(-0.12, changed=0.2)},
    )
    frozen = freeze(
        b.evidence(*weak, b.stored(rivalled, "dev-128x1")), r.POLICY, "auto", r.sealed(cells), r.CODE, r.FROZEN_AT
    )
    assert [str(shape) for shape in frozen.registration.cells] == ["64x1"]
    [(cell, reason)] = frozen.left_out
    assert cell == "development 128x1"
    assert "use truncation" in reason or "fairness" in reason


def test_development_without_validation_cannot_be_registered():
    with pytest.raises(PlanError, match="64x1 was not measured on validation"):
        r.registration_of(r.explored((64, 1))[:1])


def test_registering_the_same_claim_twice_is_one_registration():
    cells = r.explored((64, 1))
    first = r.registration_of(cells)
    stored = r.evidence(cells, first)
    again = freeze(stored, r.POLICY, "auto", r.sealed(cells), r.CODE, r.FROZEN_AT + 100)
    assert (again.existing, again.registration) == (True, first)


def test_after_its_look_a_changed_claim_cannot_be_registered_for_the_same_documents():
    cells, made, look = whole_way()
    explored = [cell for cell in cells if "hold" not in cell.run_id]
    policy: Policy = b.near_term(delta=0.02)
    with pytest.raises(PlanError, match="has looked at reuters-r8 1 time"):
        freeze(r.evidence(explored, made, (look,)), policy, "auto", r.sealed(cells), r.CODE, r.FROZEN_AT + 100)


def test_code_that_changed_since_the_evidence_was_measured_cannot_be_registered():
    cells = r.explored((64, 1))
    moved = replace(r.CODE, package_digest="another")
    with pytest.raises(PlanError, match="ACE has changed since"):
        freeze(b.evidence(*cells), r.POLICY, "auto", r.sealed(cells), moved, r.FROZEN_AT)


@pytest.mark.parametrize(("cells", "said"), [("256x1", "256x1 is no development cell"), ("", "allowed: auto")])
def test_cells_that_are_not_there_are_refused_by_name(cells, said):
    with pytest.raises(PlanError, match=said):
        r.registration_of(r.explored((64, 1)), cells)


def test_any_change_to_a_registration_changes_its_digest_and_its_seed():
    made = r.registration_of(r.explored((64, 1)))
    for other in (
        replace(made, frozen_at=made.frozen_at + 1e-3),
        replace(made, policy=b.near_term(alpha=0.01)),
        replace(made, weights=(("model.safetensors", "other"),)),
        replace(made, holdout=replace(made.holdout, examples=999)),
    ):
        assert other.digest != made.digest
        assert other.holdout_seed != made.holdout_seed


def test_the_chain_of_looks_breaks_wherever_one_is_altered_removed_or_moved():
    made = r.registration_of(r.explored((64, 1)))
    first = r.look_of(made)
    second = r.look_of(replace(made, frozen_at=1.0), 1, first.digest)
    third = r.look_of(replace(made, frozen_at=2.0), 2, second.digest)
    assert chain_problem((first, second, third)) is None
    assert chain_problem((second, third))
    assert chain_problem((first, third))
    assert chain_problem((second, first, third))
    assert chain_problem((replace(first, opened_at=0.0), second, third))


def test_a_planted_gain_cannot_be_registered():
    cells = r.explored((64, 1))
    planted = [replace(c, record=replace(c.record, planted="baseline")) for c in cells]
    restored = [b.stored(c.record, c.run_id) for c in planted]
    with pytest.raises(PlanError, match="calibration with planted compute"):
        r.registration_of(restored)


def test_a_blocked_claim_cannot_be_registered():
    cells = r.explored((64, 1))
    masking = each_session(cells[0].record, lambda s: replace(s, declared_tokens_per_layer=(8,) * 6))
    with pytest.raises(PlanError, match="mechanism absent"):
        r.registration_of([b.stored(masking, "dev-64x1"), cells[1]])


def test_less_memory_on_development_alone_is_not_accepted_when_the_sealed_documents_show_more():
    def using(candidate_mb):
        uses = [MemoryUse(arm, mb * 1_000_000, None) for arm, size in (("baseline", 400), ("candidate", candidate_mb))
                for mb in (size, size + 1, size + 2)]  # fmt: skip

        def change(record):
            scopes = ("speed", "memory")
            return replace(record, plan=replace(record.plan, scopes=scopes), memory=tuple(uses))

        return change

    cells = [b.stored(using(300)(c.record), c.run_id) for c in r.explored((64, 1))]
    made = r.registration_of(cells)
    look = r.look_of(made)
    for holdout_mb, verdict in ((300, Verdict.ACCEPTED), (500, Verdict.REJECTED_NO_GAIN)):
        opened = r.opened(made, look, change=using(holdout_mb))
        decision = r.decide(r.evidence(cells + opened, made, (look,)))
        assert decision.claims.memory.verdict is verdict


def test_a_development_run_that_was_deleted_after_the_freeze_is_missed():
    cells, made, look = whole_way()
    again = b.stored(b.honest(GAIN, b.plan(seed=1), seed=1), "dev-again")
    rivalled = [cell for cell in cells if cell.run_id != "dev-64x1"]
    decision = r.decide(r.evidence([*rivalled, again], made, (look,)))
    assert decision.verdict is Verdict.INVALID
    assert any("registered records: gone" in f.evidence for f in failing(decision, "integrity"))


def test_a_second_look_that_the_policy_pays_for_is_judged_by_its_own_runs_at_a_stricter_level():
    policy = b.near_term(holdout_looks=2)
    cells = r.explored((64, 1))
    first = freeze(b.evidence(*cells), policy, "auto", r.sealed(cells), r.CODE, r.FROZEN_AT).registration
    one = r.look_of(first)
    failed = [replace(c, run_id="first") for c in r.opened(first, one, gain=0.0)]
    second = replace(first, frozen_at=first.frozen_at + 100)
    two = r.look_of(second, 1, one.digest)
    opened = r.opened(second, two, started_at=second.frozen_at + 1)
    stored = tuple(StoredRegistration(f"registration-{made.digest[:4]}", made, None) for made in (first, second))
    of = replace(r.evidence(cells + failed + opened, None, (one, two)), registrations=stored)
    decision = r.decide(of, policy)
    assert decision.verdict is Verdict.ACCEPTED
    assert decision.registration == second.digest
    (held,) = [f for f in decision.gates if f.name == "holdout"]
    assert "one-sided 1.25 %, 2 of 2 looks" in held.threshold


def test_a_holdout_run_that_was_purged_is_missed_because_the_ledger_names_it():
    cells, made, look = whole_way()
    purged = [cell for cell in cells if "hold" not in cell.run_id]
    decision = r.decide(r.evidence(purged, made, (look,), openings=r.openings_of(cells, (look,))))
    assert decision.verdict is Verdict.INVALID
    assert "64x1 by run hold-64x1" in failing(decision, "complete")[0].evidence


def test_a_holdout_run_whose_line_was_cut_from_the_end_of_the_ledger_is_named():
    cells, made, look = whole_way()
    decision = r.decide(r.evidence(cells, made, (look,), openings=()))
    assert decision.verdict is Verdict.INVALID
    assert "holdout runs hold-64x1 are not in the ledger" in failing(decision, "complete")[0].evidence


def measured_twice(made, look, noisy=(), **honest):
    """Every registered cell on the holdout and once more; the cells of `noisy` too scattered to say anything."""
    cells = []
    for again in (0, 1):
        for cell in r.opened(made, look, seed=10 + again, **honest):
            scattered = b.honest(GAIN, cell.plan, seed=20 + again, offset_sd=0.3)
            record = b.at(scattered if str(cell.plan.shape) in noisy else cell.record, r.FROZEN_AT + 2)
            plan = replace(record.plan, seed=made.holdout_seed + again)
            cells.append(b.stored(replace(record, plan=plan), f"{cell.run_id}-{again}"))
    return cells


def test_a_sealed_cell_that_stays_unresolved_after_its_one_re_measurement_leaves_the_claim():
    cells = r.explored((64, 1), (128, 1))
    made = r.registration_of(cells)
    look = r.look_of(made)
    decision = r.decide(r.evidence(cells + measured_twice(made, look, noisy=("128x1",)), made, (look,)))
    assert decision.verdict is Verdict.ACCEPTED_WITHIN_ENVELOPE
    assert decision.claims.speed.cells == ("development 64x1",)
    [left] = [f for f in decision.gates if f.name == "holdout" and f.outcome is Outcome.NOT_APPLICABLE]
    assert (left.cell, "left the claim" in left.evidence) == ("holdout 128x1", True)


def test_a_claim_whose_only_cell_stays_unresolved_is_inconclusive_and_says_that_its_look_is_spent():
    cells = r.explored((64, 1))
    made = r.registration_of(cells)
    look = r.look_of(made)
    decision = r.decide(r.evidence(cells + measured_twice(made, look, noisy=("64x1",)), made, (look,)))
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert any("are spent" in reason for reason in decision.claims.speed.reasons)


def test_an_unresolved_sealed_cell_is_measured_once_more_by_the_very_command_that_opened_it():
    cells = r.explored((64, 1))
    made = r.registration_of(cells)
    look = r.look_of(made)
    once = measured_twice(made, look, noisy=("64x1",))[:1]
    decision = r.decide(r.evidence(cells + once, made, (look,)))
    assert decision.verdict is Verdict.INCONCLUSIVE
    [step] = {f.next_step for f in decision.gates if f.name == "holdout"}
    assert "split=holdout" in step
    assert "seed=" not in step


def test_a_cell_that_the_sealed_corpus_has_too_few_documents_for_is_left_out_with_their_number():
    cells = r.explored((64, 1), (128, 1))
    counts = {cell.plan.shape: 787 if cell.plan.shape.seq_len == 128 else 1500 for cell in cells}
    few = replace(r.sealed(cells), documents=counts)
    frozen = freeze(b.evidence(*cells), r.POLICY, "auto", few, r.CODE, r.FROZEN_AT)
    assert [str(shape) for shape in frozen.registration.cells] == ["64x1"]
    [(cell, reason)] = frozen.left_out
    assert (cell, "has 787 documents for 128x1, and 1000 are needed" in reason) == ("development 128x1", True)
    with pytest.raises(PlanError, match="has 787 documents"):
        freeze(b.evidence(*cells), r.POLICY, "128x1", few, r.CODE, r.FROZEN_AT)


def test_a_rule_that_could_not_look_keeps_a_cell_from_being_registered_as_it_would_from_acceptance():
    cells = r.explored((64, 1))
    unchecked = each_session(cells[0].record, lambda s: replace(s, checks=()))
    with pytest.raises(PlanError, match="timed is not scored"):
        r.registration_of([b.stored(unchecked, "dev-64x1"), cells[1]])


def needing(megabytes):
    """A record whose candidate needs so many megabytes and whose baseline needs 400, claimed to need less."""
    arms = (("baseline", 400), ("candidate", megabytes))
    uses = tuple(MemoryUse(arm, (size + i) * 1_000_000, None) for arm, size in arms for i in range(3))
    return lambda record: replace(record, plan=replace(record.plan, scopes=("speed", "memory")), memory=uses)


def test_a_claim_of_memory_alone_can_be_registered_and_accepted_while_speed_stays_unclaimed():
    cells = [b.stored(needing(300)(c.record), c.run_id) for c in r.explored((64, 1), gain=0.0)]
    made = r.registration_of(cells)
    assert (made.cells, [str(shape) for shape in made.memory_cells]) == ((), ["64x1"])
    look = r.look_of(made)
    opened = r.opened(made, look, gain=0.0, change=needing(300))
    decision = r.decide(r.evidence(cells + opened, made, (look,)))
    assert decision.claims.memory.verdict is Verdict.ACCEPTED
    assert decision.claims.speed.verdict is Verdict.REJECTED_NO_GAIN


def test_the_claim_to_register_is_named_by_the_first_digits_of_its_digest():
    cells = r.explored((64, 1))
    [claim] = {decision.claim for decision in [r.decide(r.evidence(cells, None))]}
    given = (r.POLICY, "auto", r.sealed(cells), r.CODE, r.FROZEN_AT)
    assert freeze(b.evidence(*cells), *given, claim=claim[:8]).registration.claim == claim
    with pytest.raises(PlanError, match=f"allowed: the first digits of one of {claim[:12]}"):
        freeze(b.evidence(*cells), *given, claim="nothing")


def test_the_gain_of_each_split_and_what_the_holdout_lacks_of_it_stand_side_by_side():
    cells, made, look = whole_way(gain=GAIN - 0.05)
    decision = r.decide(r.evidence(cells, made, (look,)))
    [transfer] = decision.transfer
    assert [found.split for found in transfer.splits] == ["development", "validation", "holdout"]
    assert transfer.whole.low < 0.05 < transfer.whole.high
    assert transfer.whole.gain == pytest.approx(transfer.splits[0].gain - transfer.splits[2].gain)
    [before] = r.decide(r.evidence(r.explored((64, 1)), None)).transfer
    assert before.whole is None


def test_every_setting_of_the_idea_that_was_tried_is_counted_beside_the_rivals():
    cells = r.explored((64, 1))
    softer = [b.stored(b.honest(0.05, b.plan(parameters=(("keep_ratio", keep),))), f"{keep}") for keep in (0.8, 0.9)]
    evidence = b.evidence(*softer, *cells)
    decision = next(d for d in judge(evidence, r.POLICY) if "0.7" in d.label)
    tuned = {found.arm: (found.settings, found.attempts) for found in decision.tuning}
    assert tuned["candidate"] == (3, 4)
    assert tuned["baseline"] == (1, 4)
    assert tuned["truncation"] == (1, 1)
    replay = replayed(evidence_of(decision.claim, evidence), r.POLICY, decision.claim)
    assert replay == decision


def test_an_accepted_claim_exports_its_cells_with_their_gain_on_sealed_documents_and_when_it_expires():
    cells, made, look = whole_way((64, 1), (128, 1), chosen="64x1")
    envelope = r.decide(r.evidence(cells, made, (look,))).envelope
    [admitted] = envelope.admitted
    assert (str(admitted.shape), [str(shape) for shape in envelope.measured]) == ("64x1", ["64x1", "128x1"])
    assert admitted.low < GAIN < admitted.high
    assert (envelope.registration, envelope.bound.torch, envelope.padded) == (made.digest, "2.13.0", False)
    oldest = min(cell.record.ended_at for cell in cells)
    assert envelope.expires_at == oldest + 90 * 86400


def test_no_cell_beside_the_claim_makes_it_younger():
    cells = r.explored((64, 1))
    late = b.stored(b.at(b.honest(GAIN, b.plan(256, 4)), 1000 * 86400.0), "late")
    made = r.registration_of([*cells, late], "64x1")
    look = r.look_of(made)
    alone = r.decide(r.evidence([*cells, *r.opened(made, look)], made, (look,))).envelope
    beside = r.decide(r.evidence([*cells, late, *r.opened(made, look)], made, (look,))).envelope
    assert [str(cell.shape) for cell in beside.admitted] == ["64x1"]
    assert beside.expires_at == alone.expires_at == min(c.record.ended_at for c in cells) + 90 * 86400


def crashed(split):
    """96x1 was tried, and its candidate raised before any session."""
    failure = Failure(None, "examination", "raised", "candidate", "raised at 96")
    made = b.record(0.0, of=b.plan(96, 1, split), sessions=0, loss=None, failures=(failure,))
    return b.stored(made, "crashed", status="FAILED")


@pytest.mark.parametrize(
    "tried",
    [
        crashed("development"),
        crashed("validation"),
        b.stored(b.honest(-0.3, b.plan(96, 1, "validation")), "lost"),
        b.stored(b.record(of=b.plan(96, 1)), "died", status="KILLED", record=None, problem="SIGTERM"),
    ],
    ids=["crashed", "crashed on validation", "lost on validation", "killed"],
)
def test_a_shape_that_was_tried_and_is_not_claimed_is_a_corner_that_no_shape_is_admitted_beside(tried):
    cells, made, look = whole_way((64, 1), (128, 1))
    alone = r.decide(r.evidence(cells, made, (look,)))
    assert (alone.verdict, _inside(alone.envelope, 1, 96)) == (Verdict.ACCEPTED, True)
    decision = r.decide(r.evidence([*cells, tried], made, (look,)))
    assert decision.verdict is not Verdict.ACCEPTED
    assert not any(_inside(decision.envelope, 1, length) for length in (80, 96, 112))


def test_a_verdict_below_acceptance_exports_nothing_but_what_is_marked_as_unsafe():
    decision = r.decide(r.evidence(r.explored((64, 1)), None))
    assert decision.verdict is Verdict.EXPLORATORY
    assert decision.envelope.admitted == ()
    marked = unsafe_envelope(decision)
    assert (marked.unsafe, [str(cell.shape) for cell in marked.admitted]) == (True, ["64x1"])


@pytest.mark.parametrize("lost", [{"gain": -0.1, "offset_sd": 0.15}, {"difference": -0.05, "offset_sd": 0.3}])
def test_noise_does_not_acquit_a_sealed_cell_that_is_refuted(lost):
    cells = r.explored((64, 1), (128, 1))
    made = r.registration_of(cells)
    look = r.look_of(made)
    opened = []
    for again in (0, 1):
        for cell in r.opened(made, look, seed=10 + again):
            gain = lost.get("gain", GAIN)
            rest = {key: value for key, value in lost.items() if key != "gain"}
            bad = b.honest(gain, cell.plan, seed=20 + again, **rest)
            record = b.at(bad if cell.plan.shape.seq_len == 128 else cell.record, r.FROZEN_AT + 2)
            plan = replace(record.plan, seed=made.holdout_seed + again)
            opened.append(b.stored(replace(record, plan=plan), f"{cell.run_id}-{again}"))
    decision = r.decide(r.evidence(cells + opened, made, (look,)))
    assert decision.verdict is Verdict.REJECTED_NO_GAIN
    assert any(f.cell == "holdout 128x1" for f in failing(decision, "holdout"))


def test_a_sealed_cell_by_another_seed_or_a_third_measurement_is_not_what_was_registered():
    cells, made, look = whole_way()
    explored = [cell for cell in cells if "hold" not in cell.run_id]
    [held] = [cell for cell in cells if "hold" in cell.run_id]

    def by(seed, run_id):
        return b.stored(replace(held.record, plan=replace(held.plan, seed=seed)), run_id)

    other = r.decide(r.evidence([*explored, by(made.holdout_seed + 77, "hold-other")], made, (look,)))
    assert "by another seed" in failing(other, "frozen")[0].evidence
    thrice = [by(made.holdout_seed + (i % 2), f"hold-{i}") for i in range(3)]
    often = r.decide(r.evidence([*explored, *thrice], made, (look,)))
    assert "was measured 3 times" in failing(often, "frozen")[0].evidence


def test_a_sealed_cell_that_was_opened_and_killed_until_it_pleased_is_not_accepted():
    cells, made, look = whole_way()
    killed = [
        replace(cells[-1], run_id=f"killed-{i}", status="KILLED", record=None, record_digest=None, tagged_digest=None,
                baseline=None, problem="KILLED: no record was written")
        for i in range(4)
    ]  # fmt: skip
    decision = r.decide(r.evidence(cells + killed, made, (look,)))
    assert decision.verdict is Verdict.INVALID
    assert "64x1, 5 times" in failing(decision, "complete")[0].evidence


def test_less_memory_spends_the_same_look_and_needs_the_same_fresh_documents():
    cells = [b.stored(needing(300)(c.record), c.run_id) for c in r.explored((64, 1))]
    made = r.registration_of(cells)
    earlier = replace(r.look_of(made), registration="an earlier one", experiment="another")
    second = replace(r.look_of(made), index=1, previous=earlier.digest)
    opened = r.opened(made, second, change=needing(300))
    decision = r.decide(r.evidence(cells + opened, made, (earlier, second)))
    assert decision.claims.memory.verdict is Verdict.REJECTED_NO_GAIN
    seen = cells[0].record.documents
    look = r.look_of(made)
    leaked = r.opened(made, look, change=lambda record: replace(needing(300)(record), documents=seen))
    decision = r.decide(r.evidence(cells + leaked, made, (look,)))
    assert decision.claims.memory.verdict is Verdict.REJECTED_NO_GAIN
