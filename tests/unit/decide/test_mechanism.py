import math
from dataclasses import replace

import pytest

from ace.domain.session import BASELINE, CANDIDATE
from ace.report.explaining import model_lines
from tests.unit.decide import builders as b
from tests.unit.decide.grids import FIXED_S, FLOPS_PER_TOKEN, KEPT, RATE_S, cell, judged, obeying, with_flops
from tests.unit.decide.test_imported import imported

LENGTHS = (16, 32, 64, 128, 256)


@pytest.fixture(scope="module")
def obedient():
    return judged(*(obeying(seq_len) for seq_len in LENGTHS))


def test_the_cost_of_a_call_and_of_its_work_are_told_apart_for_each_arm(obedient):
    models = {model.arm: model for model in obedient.mechanism.models}
    assert set(models) == {BASELINE, CANDIDATE}
    for model in models.values():
        assert model.describes
        assert model.line.intercept.value == pytest.approx(FIXED_S, rel=0.1)
        assert model.line.slope.value == pytest.approx(RATE_S, rel=0.1)


def test_the_share_achieved_is_what_the_fixed_cost_leaves(obedient):
    for seen in obedient.mechanism.cells:
        flops = FLOPS_PER_TOKEN * int(seen.cell.split()[1].split("x")[0])
        fixed_share = FIXED_S / (FIXED_S + RATE_S * flops)
        assert seen.fixed_share == pytest.approx(fixed_share, abs=0.1)
        assert seen.achieved.value == pytest.approx(1 - fixed_share, abs=0.05)


def test_the_gain_that_flops_alone_would_give_is_their_ratio(obedient):
    for seen in obedient.mechanism.cells:
        assert seen.candidate_flops / seen.baseline_flops == pytest.approx(KEPT)
        assert seen.flops_gain_log == pytest.approx(0.357, abs=1e-3)
        assert (seen.baseline_tokens, seen.candidate_tokens) == (384, 245)
        assert seen.baseline_bytes == 43_000_000


def test_three_cells_make_no_model_and_no_fixed_share():
    found = judged(*(obeying(seq_len) for seq_len in LENGTHS[:3])).mechanism
    assert found.models == ()
    assert all(seen.fixed_share is None for seen in found.cells)


def test_sizes_of_model_are_fitted_apart():
    cells = [obeying(s, hidden=h) for s in LENGTHS[:4] for h in (96, 384)]
    models = judged(*cells).mechanism.models
    assert [(m.arm, m.hidden, len(m.cells)) for m in models] == [
        (BASELINE, 96, 4), (CANDIDATE, 96, 4), (BASELINE, 384, 4), (CANDIDATE, 384, 4),
    ]  # fmt: skip


def on_another_host(seq_len, slower):
    flops = FLOPS_PER_TOKEN * seq_len
    dense_s, pruned_s = (slower * (FIXED_S + RATE_S * flops * kept) for kept in (1, KEPT))
    made = with_flops(b.honest(math.log(dense_s / pruned_s), b.plan(seq_len=seq_len), baseline_s=dense_s), flops)
    there = b.environment(host="another", cpu_model="another")
    return b.stored(replace(made, sessions=tuple(replace(s, environment=there) for s in made.sessions)))


def test_a_slower_host_is_no_cost_of_the_work():
    decision = judged(*(on_another_host(s, 1.5) for s in (24, 48, 96, 192)), *(obeying(s) for s in LENGTHS))
    found = [
        (m.host, m.arm, len(m.cells), m.line.intercept.value / FIXED_S, m.line.slope.value / RATE_S)
        for m in decision.mechanism.models
    ]
    alike, slower = pytest.approx(1, abs=0.1), pytest.approx(1.5, abs=0.15)
    assert found == [
        ("another", BASELINE, 4, slower, slower),
        ("another", CANDIDATE, 4, slower, slower),
        ("host", BASELINE, 5, alike, alike),
        ("host", CANDIDATE, 5, alike, alike),
    ]
    assert "baseline (hidden 384, depth 6, on another): a call takes" in "".join(model_lines(decision))


def test_cells_of_two_hosts_do_not_make_up_the_number_that_a_model_takes():
    mixed = [*(on_another_host(s, 1.0) for s in LENGTHS[:2]), *(obeying(s) for s in LENGTHS[2:])]
    assert judged(*mixed).mechanism.models == ()


def test_a_line_that_does_not_fit_is_shown_and_explains_nothing():
    crooked = [obeying(seq_len) for seq_len in LENGTHS[:-1]]
    slow = b.honest(0.1, b.plan(seq_len=256), baseline_s=0.2)
    found = judged(*crooked, b.stored(slow)).mechanism  # its FLOPs are those of a short input
    assert found.models
    assert not any(model.describes for model in found.models)
    assert all(seen.fixed_share is None for seen in found.cells)


def test_work_that_was_not_saved_has_no_share():
    made = b.honest(0.1, b.plan())
    same = [tuple(replace(w, flops_by_dtype=(("float32", 10**9),)) for w in s.witness) for s in made.sessions]
    sessions = tuple(replace(s, witness=w) for s, w in zip(made.sessions, same, strict=True))
    [seen] = judged(b.stored(replace(made, sessions=sessions))).mechanism.cells
    assert (seen.flops_gain_log, seen.achieved) == (0.0, None)


def test_work_that_one_session_did_not_see_is_not_known():
    made = b.honest(0.1, b.plan())
    blind = replace(made.sessions[0], witness=())
    [seen] = judged(b.stored(replace(made, sessions=(blind, *made.sessions[1:])))).mechanism.cells
    assert seen.baseline_flops is seen.candidate_tokens is seen.flops_gain_log is seen.achieved is None


def test_imported_timings_show_a_gain_without_a_mechanism():
    [seen] = judged(b.stored(imported("interleaved"))).mechanism.cells
    assert seen.gain is not None
    assert seen.baseline_flops is None


def test_only_development_is_explained():
    decision = judged(cell(0.1, 64), cell(0.1, 64, split="validation"))
    assert [seen.cell for seen in decision.mechanism.cells] == ["development 64x1"]
