"""What several experiments of a family say together, and where they contradict each other."""

from dataclasses import replace

import pytest

from ace.decide import judge
from ace.decide.consensus import consensus_of
from ace.domain.consensus import Agreement
from ace.domain.plan import Shape
from ace.domain.verdict import Regime
from ace.errors import EvidenceError
from ace.report.consensus import consensus_files, consensus_lines
from tests.unit.decide import builders as b
from tests.unit.decide.grids import cell


def member(name, gains, **changes):
    made = b.evidence(*(cell(gain, seq_len, **changes) for seq_len, gain in gains.items()))
    [decision] = judge(replace(made, experiment=name), b.near_term())
    return decision


def agreed(*members):
    return consensus_of(members, {decision.experiment: "sha256:0" for decision in members})


PRUNING = member("pruning", {64: 0.0, 128: 0.1, 256: 0.3})


def test_members_that_show_the_same_regime_agree_and_others_are_listed():
    found = agreed(PRUNING, member("merging", {64: 0.1, 128: 0.1, 256: 0.1}))
    assert [place.agreement for place in found.places] == [Agreement.DISAGREED, Agreement.AGREED, Agreement.AGREED]
    assert [place.regime for place in found.places] == [None, Regime.POSITIVE, Regime.POSITIVE]
    assert [shape.seq_len for shape in found.everywhere] == [128, 256]
    assert found.places[2].apart == (("pruning", "merging"),)  # both positive, by very different amounts
    told = consensus_lines(found)
    assert sum("disagreement at" in line for line in told) == 2
    assert any("64x1" in line and "answers exclude each other" in line for line in told)
    assert any("256x1" in line and "bands do not overlap" in line for line in told)


def test_an_unresolved_cell_has_no_voice():
    few = member("merging", {64: 0.1, 128: 0.1, 256: 0.1}, sessions=3)
    found = agreed(PRUNING, few)
    assert {place.agreement for place in found.places} == {Agreement.OPEN}
    assert found.everywhere == ()


def test_a_shape_that_one_member_lacks_is_agreed_on_by_nobody_and_says_who_lacks_it():
    found = agreed(PRUNING, member("merging", {128: 0.1}), member("threshold", {128: 0.1, 256: 0.3}))
    assert found.everywhere == (Shape(128, 1, 384, 6),)
    assert [place.lacking for place in found.places] == [("merging", "threshold"), (), ("merging",)]
    assert [place.agreement for place in found.places] == [Agreement.OPEN, Agreement.AGREED, Agreement.OPEN]
    assert found.places[2].regime is None
    text = consensus_files(found)["consensus.md"].decode()
    assert "| open: not measured by merging |" in text
    assert "2 of the shapes not measured by merging" in text


def test_answers_whose_bands_overlap_are_not_settled_and_are_no_disagreement():
    positive, edge = member("pruning", {64: 0.04}), member("merging", {64: 0.04})
    low, high = 0.029, 0.051  # around ln(1.03), which the other's band is wholly above
    edge = replace(edge, cells=(replace(edge.cells[0], regime=Regime.EDGE, low=low, high=high),))
    found = agreed(positive, edge)
    [place] = found.places
    assert (positive.cells[0].regime, place.agreement, place.apart) == (Regime.POSITIVE, Agreement.OPEN, ())
    told = consensus_lines(found)
    assert not any("disagreement" in line for line in told)
    assert any("not settled at 64x1" in line and "bands overlap" in line for line in told)
    assert "| open: bands overlap |" in consensus_files(found)["consensus.md"].decode()


def test_one_that_helps_and_one_that_harms_quality_exclude_each_other_whatever_they_gain():
    positive, poor = member("pruning", {64: 0.1}), member("merging", {64: 0.1})
    poor = replace(poor, cells=(replace(poor.cells[0], regime=Regime.COLLAPSE),))
    [place] = agreed(positive, poor, replace(positive, experiment="threshold", cells=())).places
    assert (place.agreement, place.apart, place.lacking) == (Agreement.DISAGREED, (), ("threshold",))
    boundary = replace(positive, cells=(replace(positive.cells[0], regime=Regime.BOUNDARY),))
    [place] = agreed(boundary, poor).places
    assert place.agreement is Agreement.OPEN


def test_bands_of_unresolved_cells_are_not_held_against_anybody():
    unresolved = member("merging", {64: 0.5})
    unresolved = replace(unresolved, cells=(replace(unresolved.cells[0], regime=Regime.UNRESOLVED),))
    found = agreed(member("pruning", {64: 0.1}), unresolved)
    assert [place.apart for place in found.places] == [()]
    assert not any("disagreement" in line for line in consensus_lines(found))


def test_members_on_another_model_or_with_other_thresholds_are_said_to_be_so():
    vision = replace(PRUNING, experiment="vision", label="TokenPruning() on vit")
    assert agreed(PRUNING, vision).differing == (f"model: pruning {PRUNING.label.rpartition(' on ')[2]}; vision vit",)
    bound = replace(PRUNING.envelope.bound, weights="f" * 64)
    other = replace(PRUNING, experiment="other", envelope=replace(PRUNING.envelope, bound=bound))
    [said] = agreed(PRUNING, other).differing
    assert said.startswith("baseline weights: ")
    assert said.endswith("other ffffffffffff")
    strict = replace(PRUNING, experiment="strict", policy=b.near_term(delta=0.1))
    [said] = agreed(PRUNING, strict).differing
    assert said.startswith("policy: pruning near_term (")


def test_members_of_another_machine_are_said_to_be_so():
    other = replace(PRUNING, experiment="elsewhere", environment=b.environment(cpu_model="another", threads=2))
    found = agreed(PRUNING, other)
    assert found.differing == ("processor: pruning cpu; elsewhere another", "threads: pruning 1; elsewhere 2")
    assert "another" in consensus_files(found)["consensus.md"].decode()
    assert agreed(PRUNING, replace(PRUNING, experiment="again")).differing == ()


def test_one_experiment_or_one_named_twice_is_no_family():
    for names in ((PRUNING,), (PRUNING, PRUNING)):
        with pytest.raises(EvidenceError, match="name two or more experiments, each once"):
            agreed(*names)


def test_the_consensus_is_the_same_in_any_wording_of_it_and_names_every_bundle():
    found = agreed(PRUNING, member("merging|x", {64: 0.0}))
    files = consensus_files(found)
    assert files == consensus_files(found)
    text = files["consensus.md"].decode()
    assert text.count("sha256:0") == 2
    assert "merging\\|x" in text
