from dataclasses import replace

from ace.domain.finding import Outcome
from ace.domain.record import Failure
from ace.domain.verdict import Regime
from tests.unit.decide import builders as b
from tests.unit.decide.grids import cell, judged, line
from tests.unit.decide.test_imported import imported

NONE, SOME, LOSS, EDGE, BELOW = 0.0, 0.12, -0.1, 0.03, 0.015


def test_a_gain_that_grows_with_length_enters_positive_between_two_measured_lengths():
    [found] = line({16: NONE, 32: NONE, 64: SOME, 128: SOME}).landscape.breakpoints
    assert (found.axis, found.line, found.enters) == ("seq_len", "batch=1", True)
    assert (found.last, found.first, found.unknown) == (32, 64, ())
    assert (found.before, found.after) == (Regime.BOUNDARY, Regime.POSITIVE)


def test_a_gain_that_is_lost_on_long_inputs_leaves_positive():
    [found] = line({64: SOME, 128: SOME, 256: LOSS}).landscape.breakpoints
    assert (found.enters, found.last, found.first, found.after) == (False, 128, 256, Regime.COLLAPSE)


def test_an_edge_below_the_floor_is_a_side_and_a_flat_map_has_no_breakpoint():
    assert line({64: BELOW, 128: SOME}).landscape.breakpoints[0].before is Regime.EDGE
    assert line({64: SOME, 128: SOME}).landscape.breakpoints == ()
    assert line({64: NONE, 128: NONE}).landscape.breakpoints == ()


def test_an_edge_that_may_gain_more_than_the_floor_is_no_side_and_only_perhaps_a_hole():
    decision = line({32: SOME, 64: SOME, 128: EDGE, 256: SOME})
    assert decision.cells[2].regime is Regime.EDGE
    [hole] = decision.landscape.holes
    assert (hole.regime, hole.certain) == (Regime.EDGE, False)
    assert decision.landscape.breakpoints == ()


def crashed(seq_len, split="development"):
    """A cell on which the candidate raised before any session."""
    failure = Failure(None, "examination", "raised", "candidate", f"raised at {seq_len}")
    plan = b.plan(seq_len=seq_len, split=split)
    made = b.record(0.0, of=plan, sessions=0, loss=None, failures=(failure,))
    return b.stored(made, f"crashed-{seq_len}", status="FAILED")


def test_a_shape_on_which_the_candidate_crashed_is_not_known_on_the_map():
    [hole] = judged(cell(SOME, 64), crashed(96), cell(SOME, 128)).landscape.holes
    assert (hole.cell, hole.regime, hole.certain) == ("development 96x1", Regime.UNRESOLVED, False)
    [found] = judged(cell(SOME, 64), crashed(96), cell(LOSS, 128)).landscape.breakpoints
    assert (found.last, found.first, found.unknown) == (64, 128, (96,))
    [found] = judged(cell(SOME, 64), cell(SOME, 96), crashed(128)).landscape.breakpoints
    assert (found.last, found.first, found.unknown) == (96, None, (128,))


def unresolved(seq_len, gain=SOME, **changes):
    plan = b.plan(seq_len=seq_len, sessions=2, **changes)
    return b.stored(b.honest(gain, plan))


def test_an_unresolved_cell_widens_the_interval_and_is_counted_as_neither():
    decision = judged(cell(NONE, 16), unresolved(32), cell(SOME, 64))
    [found] = decision.landscape.breakpoints
    assert (found.last, found.first, found.unknown) == (16, 64, (32,))


def test_where_all_beyond_is_unresolved_the_interval_is_open():
    below, above = judged(unresolved(32), cell(SOME, 64), unresolved(128)).landscape.breakpoints
    assert (below.last, below.first, below.unknown) == (None, 64, (32,))
    assert (above.last, above.first, above.unknown) == (64, None, (128,))


def test_an_unresolved_cell_that_rules_a_gain_out_is_a_side_of_the_interval():
    decision = judged(cell(-0.012, 32), cell(SOME, 64))  # slower by about the margin: no regime, and no gain either
    assert decision.cells[0].regime is Regime.UNRESOLVED
    [found] = decision.landscape.breakpoints
    assert (found.last, found.before, found.first) == (32, Regime.UNRESOLVED, 64)


def test_a_length_that_was_measured_at_another_batch_alone_is_named_as_unknown():
    decision = judged(cell(NONE, 16), cell(SOME, 64), cell(SOME, 32, 8), cell(SOME, 64, 8))
    [found] = [p for p in decision.landscape.breakpoints if p.line == "batch=1"]
    assert found.unknown == (32,)


def test_each_axis_has_its_own_lines():
    decision = judged(*(cell(SOME if s * n >= 64 else NONE, s, n) for s in (16, 64) for n in (1, 4)))
    found = {(p.axis, p.line, p.last, p.first) for p in decision.landscape.breakpoints}
    assert found == {("seq_len", "batch=1", 16, 64), ("batch", "seq_len=16", 1, 4)}


def test_a_hole_between_positive_cells_is_named_with_its_neighbours():
    decision = line({16: SOME, 32: NONE, 64: SOME, 128: LOSS})
    [found] = decision.landscape.holes
    assert (found.cell, found.regime, found.between) == ("development 32x1", Regime.BOUNDARY, (16, 64))
    assert found.certain
    assert [(p.last, p.first) for p in decision.landscape.breakpoints] == [(16, 32), (32, 64), (64, 128)]


def test_an_unresolved_cell_between_positive_ones_is_only_perhaps_a_hole():
    decision = judged(cell(SOME, 16), unresolved(32), cell(SOME, 64))
    [found] = decision.landscape.holes
    assert (found.cell, found.certain) == ("development 32x1", False)
    assert decision.landscape.breakpoints == ()


def test_what_to_measure_next_are_the_cells_that_cross_the_floor_the_widest_first():
    wide = b.stored(b.honest(EDGE, b.plan(seq_len=128, batch=8), offset_sd=0.03))
    decision = judged(cell(SOME, 64), cell(EDGE, 128), wide)
    found = decision.landscape.next_cells
    assert [c.cell for c in found] == ["development 128x8", "development 128x1"]
    assert found[0].half_width_log > found[1].half_width_log > 0
    command = decision.landscape.next_command
    assert command.startswith("python launch.py -m ")
    assert all(word in command for word in ("batch=1,8", "seq_len=128", "split=development", "seed=1"))


def test_at_most_six_cells_are_asked_for_and_the_settled_ones_are_not():
    decision = judged(*(cell(EDGE, 8 * k) for k in range(1, 10)), cell(SOME, 128), cell(LOSS, 256))
    assert len(decision.landscape.next_cells) == 6
    assert not {"development 128x1", "development 256x1"} & {c.cell for c in decision.landscape.next_cells}


def test_a_cell_that_lost_quality_is_not_measured_again_for_its_speed():
    lost = b.stored(b.honest(EDGE, b.plan(seq_len=32), difference=-0.1))
    assert judged(cell(SOME, 64), lost).landscape.next_cells == ()


def test_a_fast_cell_whose_quality_is_open_is_measured_again_for_its_quality():
    few = b.stored(b.honest(SOME, b.plan(seq_len=32), difference=-0.02))
    decision = judged(cell(SOME, 64), few)
    assert decision.cells[0].quality.outcome is Outcome.NO_EVIDENCE
    [found] = decision.landscape.next_cells
    assert (found.cell, found.reason) == ("development 32x1", "fast enough, and its quality is not settled")


def test_a_cell_that_was_attempted_and_left_nothing_comes_first():
    died = b.stored(b.record(of=b.plan(seq_len=32)), run_id="died", status="KILLED", record=None, problem="SIGTERM")
    first, *_ = judged(cell(EDGE, 64), died).landscape.next_cells
    assert (first.cell, first.half_width_log) == ("development 32x1", None)
    assert first.reason == "attempted, and nothing was measured"


def test_a_map_of_one_cell_has_neither_lines_nor_holes():
    found = judged(cell(SOME, 64)).landscape
    assert (found.breakpoints, found.holes, found.next_cells, found.next_command) == ((), (), (), None)


def test_sizes_of_model_are_lines_of_their_own_and_never_mixed():
    cells = [cell(SOME if h == 384 else NONE, s, hidden=h, depth=6) for s in (32, 64) for h in (96, 384)]
    found = judged(*cells).landscape.breakpoints
    assert {(p.axis, p.line, p.last, p.first) for p in found} == {
        ("hidden", "seq_len=32", 96, 384),
        ("hidden", "seq_len=64", 96, 384),
    }


def test_other_splits_confirm_a_map_and_are_not_part_of_it():
    decision = judged(cell(SOME, 64), cell(NONE, 64, split="validation"), cell(SOME, 128, split="validation"))
    assert decision.landscape.breakpoints == ()


def test_imported_timings_have_a_series_without_a_clock_and_no_command_to_run_them():
    [shown] = judged(b.stored(imported("interleaved", gain=EDGE))).cells
    assert len(shown.series.gains) == 12
    assert shown.series.started_at == shown.series.baseline_s == shown.series.drift_log == ()


def test_every_session_of_a_cell_is_in_its_series_with_its_start():
    made = b.honest(SOME, b.plan())
    again = replace(b.honest(SOME, b.plan(seed=1), seed=1), started_at=2000.0)
    [shown] = judged(b.stored(made), b.stored(again)).cells
    assert len(shown.series.gains) == len(shown.series.null_gains) == 20
    assert shown.series.started_at == tuple(s.started_at for r in (made, again) for s in r.sessions)
    assert sorted(shown.series.drift_log)[9] <= 0 <= sorted(shown.series.drift_log)[10]
