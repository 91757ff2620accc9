"""Which shapes a decision lets be served: never one whose quality or gain is not known."""

from dataclasses import replace

import pytest

from ace.decide.envelope import unsafe_envelope
from ace.domain.envelope import envelope_text, read_envelope
from tests.unit.decide import builders as b
from tests.unit.decide import registered as r
from tests.unit.decide.grids import cell, judged


def unscored(seq_len):
    made = b.honest(0.1, b.plan(seq_len=seq_len))
    return b.stored(replace(made, quality=None, quality_reason="random weights"))


MAPS = {
    "no quality at all": ([unscored(64), unscored(128)], []),
    "quality in one cell": ([unscored(64), cell(0.1, 128)], ["128x1"]),
    "too few examples": ([b.stored(replace(b.record(0.1), quality=b.quality(n=100)))], []),
    "holes": ([cell(0.1, 64, 1), cell(0.1, 128, 4)], ["64x1", "128x4"]),
    "one cell": ([cell(0.1, 64)], ["64x1"]),
    "one axis": ([cell(0.1, 64, n) for n in (1, 2)] + [cell(0.0, 64, 8)], ["64x1", "64x2"]),
    "nothing positive": ([cell(0.0, 64), cell(-0.1, 128)], []),
}  # fmt: skip


@pytest.mark.parametrize("kind", MAPS)
def test_an_unaccepted_map_admits_nothing_and_an_unsafe_export_only_what_is_positive(kind):
    cells, positive = MAPS[kind]
    decision = judged(*cells)
    assert decision.envelope.admitted == ()
    assert not decision.envelope.unsafe
    made = unsafe_envelope(decision)
    assert made.unsafe
    assert [str(entry.shape) for entry in made.admitted] == positive
    assert read_envelope(envelope_text(made)) == made


def test_an_accepted_claim_admits_the_claimed_cells_with_what_they_gain_on_sealed_documents():
    cells = r.explored((64, 1), (128, 1))
    made = r.registration_of(cells)
    look = r.look_of(made)
    decision = r.decide(r.evidence(cells + r.opened(made, look), made, (look,)))
    assert [str(entry.shape) for entry in decision.envelope.admitted] == ["64x1", "128x1"]
    held = {c.seq_len: c for c in decision.cells if c.split == "holdout"}
    for entry in decision.envelope.admitted:
        assert entry.gain == pytest.approx(held[entry.shape.seq_len].gain)
    assert unsafe_envelope(decision) == decision.envelope
