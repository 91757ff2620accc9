"""A simpler way to the same saving makes the idea unnecessary, and the gate says which."""

from dataclasses import replace

import pytest

from ace.decide.gates.fairness import fairness
from ace.domain.finding import Outcome
from ace.domain.plan import ExecutorSpec
from tests.unit.decide import builders as b
from tests.unit.decide.rivals import fair, with_rivals
from tests.unit.decide.table import GAIN, each_session, laid_out, outcomes

POLICY = b.near_term()


def ask(record):
    return list(fairness(laid_out(b.stored(record)), POLICY))


def against(name, gain, quality=None, **changes):
    made = with_rivals(b.honest(GAIN, b.plan(), **changes), {name: gain}, {name: quality} if quality else None)
    return next(f for f in ask(made) if f.evidence.startswith(f"{name}:"))


def test_an_honest_idea_passes_against_all_its_rivals():
    assert outcomes(ask(fair())) == {Outcome.PASS}


def test_a_truncation_that_is_as_fast_and_as_good_makes_the_idea_unnecessary():
    found = against("truncation", GAIN, b.scored(-0.005))
    assert found.outcome is Outcome.FAIL
    assert "use truncation" in found.next_step


def test_a_truncation_that_is_as_fast_and_loses_quality_does_not():
    found = against("truncation", GAIN, b.scored(-0.029, changed=0.1))
    assert found.outcome is Outcome.PASS
    assert "its quality does not pass" in found.evidence


def test_a_truncation_whose_quality_is_merely_unsettled_may_be_as_good_and_leaves_the_claim_open():
    found = against("truncation", GAIN, b.scored(-0.02, changed=0.1), difference=-0.018)
    assert found.outcome is Outcome.NO_EVIDENCE
    assert "split.examples=2000" in found.next_step


def test_a_simpler_way_that_is_slower_than_the_candidate_does_not_either():
    assert against("truncation", GAIN - 0.06, b.scored(0.0)).outcome is Outcome.PASS


def test_a_rival_without_scores_cannot_take_the_claim_away():
    assert against("truncation", GAIN).outcome is Outcome.PASS


def test_a_candidate_that_beats_eager_but_not_compiled_fails():
    found = against("compiled", GAIN + 0.1)
    assert found.outcome is Outcome.FAIL
    assert against("compiled", GAIN - 0.1).outcome is Outcome.PASS


@pytest.mark.parametrize(("lost", "outcome"), [(-0.12, Outcome.PASS), (0.0, Outcome.NO_EVIDENCE), (0.06, Outcome.FAIL)])
def test_at_equal_counts_the_candidate_must_beat_chance(lost, outcome):
    assert against("random", GAIN, b.scored(lost, changed=0.2)).outcome is outcome


def test_a_missing_rival_is_no_evidence_with_the_command_that_measures_it():
    found = ask(b.honest(GAIN, b.plan()))
    assert outcomes(found) == {Outcome.NO_EVIDENCE}
    compiled = next(f for f in found if "compiler" in f.evidence)
    assert "executor.rivals.compiled._target_=ace.executors.compiled_ahead.CompiledAhead" in compiled.next_step


def test_the_command_that_adds_a_rival_does_not_also_leave_all_of_them_out():
    job = "batch=1,executor.rivals=null,inputs.rivals=null,seq_len=64"
    found = list(fairness(laid_out(b.stored(b.honest(GAIN, b.plan()), job=job)), POLICY))
    assert all("rivals=null" not in f.next_step for f in found)
    assert any("++executor.rivals.truncation.role=simpler" in f.next_step for f in found)


def test_an_idea_that_removes_no_tokens_needs_no_simpler_reduction_beside_it():
    whole = b.honest(GAIN, b.plan(), declared=None, tokens=(64,) * 6, full_share=0.99)
    found = ask(with_rivals(whole, {"compiled": 0.0}))
    assert {f.outcome for f in found} == {Outcome.NOT_APPLICABLE, Outcome.PASS}


def test_an_idea_that_drops_tokens_without_a_word_is_held_against_simpler_reductions_all_the_same():
    silent = with_rivals(b.honest(GAIN, b.plan(), declared=None), {"compiled": 0.0})
    assert Outcome.NO_EVIDENCE in outcomes(ask(silent))

    def unseen_by_hooks(session):
        return replace(session, witness=(session.witness[0], replace(session.witness[2], tokens_per_layer=None)))

    unseen = each_session(silent, unseen_by_hooks)
    assert Outcome.NO_EVIDENCE in outcomes(ask(unseen))


def test_the_compiled_baseline_is_no_rival_of_itself():
    itself = each_session(
        b.honest(GAIN, b.plan(target="ace.executors.compiler_fusion.CompilerFusion", parameters=()), declared=None),
        lambda s: replace(s, declared_equivalent=True, declared_changes=("kernels", "compiled")),
    )
    assert outcomes(ask(itself)) == set()
    changed = each_session(itself, lambda s: replace(s, declared_equivalent=False))
    assert Outcome.NO_EVIDENCE in outcomes(ask(changed))
    pretending = replace(itself, plan=b.plan(target="mypkg.Mine", parameters=()))
    assert Outcome.NO_EVIDENCE in outcomes(ask(pretending))


@pytest.mark.parametrize(
    ("name", "target"),
    [("compiled", "mypkg.Slow"), ("unpadded", "ace.executors.identity.Identity")],
)
def test_nobodys_own_version_stands_for_the_compiled_or_the_unpadded_baseline(name, target):
    made = with_rivals(b.honest(GAIN, b.plan()), {name: 0.0})
    made = replace(made, plan=replace(made.plan, benchmark=replace(made.plan.benchmark, inputs="natural")))
    weak = replace(made, plan=replace(made.plan, rivals=tuple(
        replace(spec, executor=ExecutorSpec(target, ())) if spec.name == name else spec for spec in made.plan.rivals
    )))  # fmt: skip
    found = next(f for f in ask(weak) if f.evidence.startswith(f"{name}:"))
    assert (found.outcome, target in found.evidence) == (Outcome.NO_EVIDENCE, True)


def test_a_shown_failure_against_a_rival_is_not_undone_by_measuring_beside_a_weaker_one_of_its_name():
    first = with_rivals(b.honest(GAIN, b.plan()), {"truncation": GAIN}, {"truncation": b.scored(-0.004)})
    again = with_rivals(
        b.honest(GAIN, b.plan(seed=1), seed=1), {"truncation": GAIN}, {"truncation": b.scored(-0.3, changed=0.4)}
    )
    (spec,) = again.plan.rivals
    weaker = replace(spec, executor=ExecutorSpec(spec.executor.target, (("keep_ratio", 0.1),)))
    again = replace(again, plan=replace(again.plan, rivals=(weaker,)))
    found = [f for f in fairness(laid_out(b.stored(first), b.stored(again)), POLICY) if "truncation:" in f.evidence]
    assert sorted(f.outcome for f in found) == [Outcome.FAIL, Outcome.PASS]


def test_a_reduction_that_spares_far_less_or_far_more_is_no_rival_of_this_one():
    found = against("truncation", 0.0, b.scored(0.0))
    assert (found.outcome, "does not spare" in found.evidence) == (Outcome.NO_EVIDENCE, True)
    found = against("truncation", GAIN + 0.3, b.scored(-0.2, changed=0.3))
    assert (found.outcome, "spares more" in found.evidence) == (Outcome.NO_EVIDENCE, True)


def test_chance_must_have_kept_as_many_tokens_as_the_candidate():
    made = fair()

    def fewer(session):
        own = tuple(replace(w, tokens_per_layer=(20,) * 6) if w.arm == "random" else w for w in session.witness)
        return replace(session, witness=own)

    found = next(f for f in ask(each_session(made, fewer)) if f.evidence.startswith("random:"))
    assert (found.outcome, "times as many tokens" in found.evidence) == (Outcome.NO_EVIDENCE, True)


def test_layers_that_the_witness_does_not_know_by_name_are_not_taken_to_see_all_tokens():
    part = with_rivals(b.honest(GAIN, b.plan(), declared=None, tokens=(64,)), {"compiled": 0.0})
    assert Outcome.NO_EVIDENCE in outcomes(ask(part))


def test_a_compiled_candidate_with_the_baselines_numbers_drops_none():
    compiled = each_session(b.honest(GAIN, b.plan(), declared=None), lambda s: replace(s, declared_equivalent=True))
    assert outcomes(ask(with_rivals(compiled, {"compiled": 0.0}))) == {Outcome.PASS}


def test_a_rival_that_could_not_be_run_is_no_evidence_and_says_why():
    made = with_rivals(b.honest(GAIN, b.plan()), {"compiled": 0.0}, failure="raised at prepare: no compiler")
    found = next(f for f in ask(made) if f.evidence.startswith("compiled:"))
    assert (found.outcome, "no compiler" in found.evidence) == (Outcome.NO_EVIDENCE, True)


def test_planted_work_claims_nothing_and_has_no_rivals():
    assert outcomes(ask(replace(b.record(0.1, declared=None), planted="baseline"))) == set()


def natural(gains):
    made = b.honest(GAIN, b.plan(batch=4))
    made = replace(made, plan=replace(made.plan, benchmark=replace(made.plan.benchmark, inputs="natural")))
    return next(f for f in ask(with_rivals(made, gains)) if f.threshold == "faster than the baseline without padding")


def test_on_natural_inputs_a_gain_that_is_all_padding_is_not_the_ideas():
    found = natural({"unpadded": GAIN})
    assert found.outcome is Outcome.FAIL
    assert "spare the baseline its padding" in found.next_step
    assert natural({"unpadded": GAIN - 0.1}).outcome is Outcome.PASS


def test_natural_inputs_without_the_unpadded_baseline_are_no_evidence_and_exact_ones_need_none():
    missing = natural({})
    assert (missing.outcome, "ace.executors.unpadded.Unpadded" in missing.next_step) == (Outcome.NO_EVIDENCE, True)
    assert "inputs=natural" in missing.next_step
    exact = next(f for f in ask(fair()) if f.threshold == "faster than the baseline without padding")
    assert exact.outcome is Outcome.NOT_APPLICABLE
