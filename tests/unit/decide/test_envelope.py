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


def test_an_envelope_begins_where_its_newest_measurement_ended():
    cells = [cell(0.1, 64), cell(0.1, 128)]
    ended = [made.record.ended_at for made in cells]
    assert judged(*cells).envelope.measured_at == max(ended)


def test_what_torch_was_built_for_binds_what_was_measured_on_a_board_and_nothing_else():
    def bound(device):
        made = b.record(0.1)
        there = b.environment(device=device, versions=(("torch", "2.13.0"), ("cuda", "12.8")))
        sessions = tuple(replace(session, environment=there) for session in made.sessions)
        return judged(b.stored(replace(made, sessions=sessions))).envelope.bound

    assert bound("cpu").cuda is None
    assert bound("cuda:0").cuda == "12.8"
