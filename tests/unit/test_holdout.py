"""The seal: nothing sealed is touched but by a registered claim that is still what was registered, once."""

from dataclasses import replace
from pathlib import Path

import pytest

from ace.domain.plan import CellPlan
from ace.domain.record import CodeState
from ace.domain.registration import UnlistedLook
from ace.domain.stored import Evidence
from ace.errors import PlanError, StoreError
from ace.holdout import Here, unseal, write_opening
from ace.tracking.ledger import Ledger
from tests.unit.decide import builders as b
from tests.unit.decide import registered as r

WEIGHTS = (("model.safetensors", "53aa"),)
NOW = r.FROZEN_AT + 5


@pytest.fixture(scope="module")
def claim() -> tuple[list, object]:
    cells = r.explored((64, 1))
    return cells, r.registration_of(cells)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl")


def asked(seq_len: int = 64) -> CellPlan:
    return replace(b.plan(seq_len, 1, "holdout"), benchmark=r.HOLDOUT)


PLACE = b.environment()
HERE = Here(PLACE.host, PLACE.versions, PLACE.settings)


def open_it(
    plan: CellPlan, of: Evidence, ledger: Ledger, code: CodeState = r.CODE, weights=WEIGHTS, here: Here = HERE
) -> CellPlan:
    return unseal(plan, code, weights, here, of, ledger, NOW)


def test_a_registered_cell_is_opened_with_the_seed_that_nobody_knew_and_the_look_is_written_down(claim, ledger):
    cells, made = claim
    plan = open_it(asked(), r.evidence(cells, made), ledger)
    (look,) = ledger.looks()
    assert (plan.seed, plan.registration, plan.look) == (made.holdout_seed, made.digest, look.digest)
    assert (look.registration, look.benchmark, look.opened_at) == (made.digest, "ace.benchmarks.reuters.r8", NOW)


def test_going_on_with_the_same_registration_is_the_same_look(claim, ledger):
    cells, made = claim
    first, second = (open_it(asked(), r.evidence(cells, made), ledger) for _ in range(2))
    assert first == second
    assert len(ledger.looks()) == 1


def test_without_a_registration_nothing_is_opened_and_nothing_written(claim, ledger):
    with pytest.raises(PlanError, match="ace-freeze --experiment token_pruning"):
        open_it(asked(), r.evidence(claim[0], None), ledger)
    assert ledger.looks() == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"code": replace(r.CODE, package_digest="moved")}, "ACE's own sources changed"),
        ({"plan": replace(asked(), protocol=replace(asked().protocol, rounds=20))}, "protocol changed"),
        ({"plan": replace(asked(), benchmark=replace(r.HOLDOUT, examples=1001))}, "split changed"),
        ({"plan": asked(96)}, "sealed for cell 96x1: registered are 64x1"),
        ({"here": replace(HERE, host="another")}, "64x1 was measured by other hosts"),
        ({"here": replace(HERE, libraries=(("torch", "9.9"),))}, "64x1 was measured by other libraries"),
        ({"here": replace(HERE, settings=(("LD_PRELOAD", "libjemalloc.so"),))}, "by other environment variables"),
    ],
)
def test_whatever_changed_since_keeps_it_sealed_and_is_named(claim, ledger, change, said):
    cells, made = claim
    given = {"plan": asked(), "of": r.evidence(cells, made), "ledger": ledger} | change
    with pytest.raises(PlanError, match=said):
        open_it(**given)
    assert ledger.looks() == ()


def test_another_executor_is_another_claim(claim, ledger):
    cells, made = claim
    with pytest.raises(PlanError, match=r"not registered .*registered is TokenPruning"):
        open_it(asked(), r.evidence(cells, made), ledger, code=replace(r.CODE, executor_digest="other"))


def test_the_budget_of_looks_holds_for_every_variant_of_the_idea(claim, ledger):
    cells, made = claim
    open_it(asked(), r.evidence(cells, made), ledger)
    milder = replace(made, frozen_at=made.frozen_at + 1)  # registered anew
    with pytest.raises(PlanError, match=r"has looked at reuters-r8 1 time\(s\)"):
        open_it(asked(), r.evidence(cells, milder), ledger)
    generous = replace(made, frozen_at=made.frozen_at + 1, policy=b.near_term(holdout_looks=2))
    assert open_it(asked(), r.evidence(cells, generous), ledger).registration == generous.digest
    assert len(ledger.looks()) == 2


def test_a_cell_that_gave_its_evidence_is_not_looked_at_again(claim, ledger):
    cells, made = claim
    first = open_it(asked(), r.evidence(cells, made), ledger)
    (look,) = ledger.looks()
    assert first.look == look.digest
    done = r.opened(made, look)
    with pytest.raises(PlanError, match="was measured under this look already"):
        open_it(asked(), r.evidence(cells + done, made), ledger)


def test_a_broken_ledger_opens_nothing(claim, ledger):
    ledger.path.write_text("rubbish\n")
    with pytest.raises(StoreError, match="is no look"):
        open_it(asked(), r.evidence(claim[0], claim[1]), ledger)


def with_runs(of: Evidence, *run_ids: str) -> Evidence:
    """The evidence of a store that holds these runs, and has read the ledger's openings."""
    return replace(of, cells=(*of.cells, *(b.stored(b.record(), run_id) for run_id in run_ids)))


def test_a_cell_whose_run_was_purged_from_the_store_is_not_opened_again(claim, ledger):
    cells, made = claim
    plan = open_it(asked(), r.evidence(cells, made), ledger)
    write_opening(plan, "purged", ledger, NOW)
    opening = ledger.entries()[-1]
    assert (opening.look, opening.shape, opening.run_id) == (plan.look, plan.shape, "purged")
    read = replace(r.evidence(cells, made, ledger.looks()), openings=(opening,))
    with pytest.raises(PlanError, match="run purged opened it under this look and is not in the store"):
        open_it(asked(), read, ledger)
    assert open_it(asked(), with_runs(read, "purged"), ledger).look == plan.look


def test_a_look_that_only_another_experiment_of_the_store_remembers_spends_the_budget(claim, ledger):
    cells, made = claim
    seen = UnlistedLook("look", "other", "elsewhere", "run", made.idea, made.holdout.target)
    with pytest.raises(PlanError, match=r"has looked at reuters-r8 1 time"):
        open_it(asked(), r.evidence(cells, made, unlisted=(seen,)), ledger)
    unreadable = replace(seen, idea=None, benchmark=None)
    with pytest.raises(PlanError, match=r"has looked at reuters-r8 1 time"):
        open_it(asked(), r.evidence(cells, made, unlisted=(unreadable,)), ledger)
    other_idea = replace(seen, idea="another idea")
    assert open_it(asked(), r.evidence(cells, made, unlisted=(other_idea,)), ledger).look is not None
    assert len(ledger.looks()) == 1


def test_a_cell_that_was_opened_three_times_without_evidence_stays_sealed(claim, ledger):
    cells, made = claim
    plan = open_it(asked(), r.evidence(cells, made), ledger)
    for run in ("one", "two", "three"):
        write_opening(plan, run, ledger, NOW)
    openings = tuple(entry for entry in ledger.entries() if entry not in ledger.looks())
    read = with_runs(replace(r.evidence(cells, made, ledger.looks()), openings=openings), "one", "two", "three")
    with pytest.raises(PlanError, match="3 runs have opened it under this look and none ended with evidence"):
        open_it(asked(), read, ledger)


def test_a_model_by_another_name_is_the_same_idea_and_other_weights_are_not(claim):
    _, made = claim
    assert replace(made, model=replace(made.model, name="sheep")).idea == made.idea
    assert replace(made, weights=(("model.safetensors", "other"),)).idea != made.idea
