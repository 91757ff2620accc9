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
    assert any("64x1" in line and "regimes differ" in line for line in told)
    assert any("256x1" in line and "bands do not overlap" in line for line in told)


def test_an_unresolved_cell_has_no_voice():
    few = member("merging", {64: 0.1, 128: 0.1, 256: 0.1}, sessions=3)
    found = agreed(PRUNING, few)
    assert {place.agreement for place in found.places} == {Agreement.OPEN}
    assert found.everywhere == ()


def test_a_shape_that_one_member_lacks_is_never_positive_everywhere():
    found = agreed(PRUNING, member("merging", {128: 0.1}), member("threshold", {128: 0.1, 256: 0.1}))
    assert found.everywhere == (Shape(128, 1, 384, 6),)
    assert [len(place.voices) for place in found.places] == [1, 3, 2]
    assert found.places[0].agreement is Agreement.OPEN


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
