"""What is lost between splits, why, and what makes a cell uncertain, against differences that were put in."""

from dataclasses import replace

import pytest

from ace.domain.quality import Slices
from ace.domain.transfer import Cause
from tests.unit.decide import builders as b
from tests.unit.decide.grids import judged, with_flops
from tests.unit.decide.table import GAIN
from tests.unit.decide.test_imported import imported


def cell(split, gain=GAIN, quality=None, **changes):
    made = b.honest(gain, b.plan(split=split), **changes)
    return b.stored(made if quality is None else replace(made, quality=replace(quality, inputs_digest=split)))


def travelled(*cells):
    [transfer] = judged(*cells).transfer
    return transfer


def test_a_gain_that_is_lost_on_the_way_is_a_matter_of_efficiency():
    found = travelled(cell("development"), cell("validation"), cell("holdout", GAIN - 0.05))
    assert [(gap.before, gap.after) for gap in found.gaps] == [
        ("development", "validation"), ("validation", "holdout"), ("development", "holdout")
    ]  # fmt: skip
    assert [gap.cause for gap in found.gaps] == [Cause.NOTHING, Cause.EFFICIENCY, Cause.EFFICIENCY]
    assert found.whole.low < 0.05 < found.whole.high


def test_answers_that_are_worse_on_other_documents_are_a_matter_of_quality():
    found = travelled(cell("development", quality=b.scored(0.0)), cell("validation", quality=b.scored(-0.1)))
    [gap] = found.gaps
    assert gap.cause is Cause.QUALITY
    assert gap.quality.low < 0.1 < gap.quality.high
    both = travelled(cell("development", quality=b.scored(0.0)), cell("validation", GAIN - 0.05, b.scored(-0.1)))
    assert both.gaps[0].cause is Cause.BOTH


def test_a_gap_says_how_much_of_it_the_work_explains():
    first, second = b.honest(GAIN, b.plan()), b.honest(GAIN, b.plan(split="validation"))
    same = travelled(b.stored(with_flops(first, 1e9)), b.stored(with_flops(second, 1e9)))
    assert same.gaps[0].work_log == 0
    dense = replace(second, sessions=tuple(replace(s, witness=_undropped(s.witness)) for s in second.sessions))
    assert travelled(b.stored(first), b.stored(dense)).gaps[0].work_log > 0.3


def _undropped(witness):
    return tuple(replace(seen, flops_by_dtype=witness[0].flops_by_dtype) for seen in witness)


def test_quality_that_was_not_scored_is_no_gap_of_quality_and_one_split_has_no_gap():
    made = b.honest(GAIN, b.plan(split="validation"))
    silent = b.stored(replace(made, quality=None, quality_reason="random weights"))
    [gap] = travelled(cell("development"), silent).gaps
    assert (gap.quality, gap.cause) == (None, Cause.NOTHING)
    assert travelled(cell("development")).gaps == ()


def test_only_parts_that_several_splits_have_are_set_side_by_side():
    def divided(split, *names):
        made = b.honest(GAIN, b.plan(split=split))
        kinds = Slices("kind", names, tuple(i % len(names) for i in range(len(made.documents))))
        return b.stored(replace(made, slices=(kinds,)))

    found = travelled(divided("development", "short", "sport"), divided("validation", "short", "trade"))
    [part] = found.parts
    assert part.name == "kind short"
    assert [seen.split for seen in part.splits] == ["development", "validation"]


@pytest.mark.parametrize(
    ("changes", "quality", "dominant"),
    [
        ({"offset_sd": 0.05}, b.scored(0.0, n=100_000), "session"),
        ({"offset_sd": 0.0, "noise": 0.2}, b.scored(0.0, n=100_000), "pair"),
        ({"offset_sd": 0.001, "noise": 0.002}, b.scored(0.0, n=1000), "quality"),
    ],
)
def test_the_largest_source_of_uncertainty_is_named(changes, quality, dominant):
    assert travelled(cell("development", quality=quality, **changes)).splits[0].spread.dominant == dominant


def test_work_that_differs_between_documents_is_told_from_noise_by_the_null_arm():
    made = b.honest(GAIN, b.plan(), noise=0.002, offset_sd=0.0)
    sessions = []
    for session in made.sessions:
        timings = [
            replace(t, wall_s=tuple(s * (1.3 if r % 3 == 0 else 0.8) for r, s in enumerate(t.wall_s)))
            if t.arm == "candidate"
            else t
            for t in session.timings
        ]
        sessions.append(replace(session, timings=tuple(timings)))
    quality = replace(b.scored(0.0, n=100_000), inputs_digest="development")
    spread = travelled(b.stored(replace(made, sessions=tuple(sessions), quality=quality))).splits[0].spread
    assert spread.input > 10 * spread.pair
    assert spread.dominant == "input"


def test_imported_timings_have_no_neighbours_to_tell_sources_by():
    spread = travelled(b.stored(imported("interleaved"))).splits[0].spread
    assert (spread.session, spread.pair, spread.input, spread.dominant) == (None, None, None, None)
