"""The folder of a consensus: whole, or the earlier one as it was."""

from dataclasses import replace

import pytest

from ace.cli.decide import write_consensus
from ace.cli.verifying_family import verify_family
from ace.decide import judge
from ace.errors import StoreError
from tests.unit.decide import builders as b


def test_a_smaller_family_takes_the_place_of_a_larger_one_whole(tmp_path):
    three = []
    for name in ("one", "two", "three"):
        made = replace(b.evidence(b.stored(b.honest(0.1, replace(b.plan(), experiment=name)))), experiment=name)
        three.append((judge(made, b.near_term())[0], made))
    place = tmp_path / "consensus"
    write_consensus(three, place)
    write_consensus(three[:2], place)
    assert verify_family(place, None, 0.0).problems == ()
    assert sorted(entry.name for entry in place.iterdir()) == [
        "consensus.json", "consensus.md", "member-1", "member-2",
    ]  # fmt: skip
    other = tmp_path / "mine"
    other.mkdir()
    (other / "notes.txt").write_text("keep me")
    with pytest.raises(StoreError, match="is not a consensus"):
        write_consensus(three, other)
    assert (other / "notes.txt").read_text() == "keep me"
    assert not list(tmp_path.glob(".*"))
