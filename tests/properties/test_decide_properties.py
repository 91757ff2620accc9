"""What must hold of every judgement: the verdict is monotone and accepts nothing that is not proved."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from ace.decide.gates import REQUIRED
from ace.decide.gates.symmetry import binomial_p
from ace.decide.launching import launch
from ace.decide.quality import difference
from ace.decide.verdict import MAY_NOT_APPLY, REQUIRED_RULES, Standing, verdict_of
from ace.domain.decision import overall
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.verdict import Verdict
from ace.domain.wording import percent
from tests.unit.decide import builders as b

RANK = {verdict: rank for rank, verdict in enumerate(Verdict)}  # worst first
ACCEPTING = (Verdict.ACCEPTED, Verdict.ACCEPTED_WITHIN_ENVELOPE)

outcome = st.sampled_from([Outcome.PASS] * 6 + list(Outcome))
standings = st.builds(Standing, *(st.booleans() for _ in Standing.__slots__))
gates = st.lists(outcome, min_size=len(REQUIRED), max_size=len(REQUIRED)).map(
    lambda outcomes: [
        Finding(name, found, Severity.GATE, None, "seen", "wanted", "do")
        for name, found in zip(REQUIRED, outcomes, strict=True)
    ]
)
doubts = st.lists(outcome, min_size=len(REQUIRED_RULES), max_size=len(REQUIRED_RULES)).map(
    lambda outcomes: [
        Finding(name, found, Severity.BLOCK, "development 64x1", "seen", "wanted", "do")
        for name, found in zip(REQUIRED_RULES, outcomes, strict=True)
    ]
)


def failed(findings, index):
    found = findings[index]
    worse = Finding(found.name, Outcome.FAIL, found.severity, found.cell, "seen", "wanted", "do")
    return [*findings[:index], worse, *findings[index + 1 :]]


@given(gates, doubts, standings, st.data())
def test_turning_any_pass_into_a_fail_never_improves_the_verdict(trace, rules, standing, data):
    before, _ = verdict_of(trace, rules, REQUIRED, standing)
    index = data.draw(st.integers(0, len(trace) + len(rules) - 1))
    changed = failed([*trace, *rules], index)
    after, _ = verdict_of(changed[: len(trace)], changed[len(trace) :], REQUIRED, standing)
    assert RANK[after] <= RANK[before]


@given(gates, doubts, standings)
def test_nothing_is_accepted_while_anything_required_is_not_pass(trace, rules, standing):
    verdict, reasons = verdict_of(trace, rules, REQUIRED, standing)
    assert reasons
    if verdict in ACCEPTING:
        silent = {f.name for f in trace if f.outcome is Outcome.NOT_APPLICABLE}
        assert {f.outcome for f in trace if f.name not in silent} == {Outcome.PASS}
        assert silent <= set(MAY_NOT_APPLY)
        assert not {finding.outcome for finding in rules} & {Outcome.FAIL, Outcome.NO_EVIDENCE}
        assert standing.registered
        assert standing.holdout_opened
        assert not standing.calibration


@given(gates, doubts, standings, st.randoms(use_true_random=False))
def test_the_verdict_does_not_depend_on_the_order_of_the_findings(trace, rules, standing, dice):
    before, _ = verdict_of(trace, rules, REQUIRED, standing)
    shuffled = list(trace)
    dice.shuffle(shuffled)
    assert verdict_of(shuffled, rules, REQUIRED, standing)[0] is before


@given(st.lists(outcome, min_size=1, max_size=6))
def test_a_gate_passes_only_when_each_of_its_findings_passes_or_does_not_apply(outcomes):
    findings = [Finding("gain", found, Severity.GATE, None, "", "", "") for found in outcomes]
    passes = overall(findings) is Outcome.PASS
    assert passes == (set(outcomes) <= {Outcome.PASS, Outcome.NOT_APPLICABLE} and Outcome.PASS in outcomes)


@given(st.integers(1, 60), st.floats(0.05, 0.95))
def test_exact_probabilities_of_all_outcomes_are_probabilities(trials, chance):
    values = [binomial_p(hits, trials, chance) for hits in range(trials + 1)]
    assert all(0 < value <= 1 for value in values)
    assert math.isclose(max(values), 1.0, rel_tol=1e-6)


@given(st.floats(-0.05, 0.05), st.integers(50, 2000))
@settings(max_examples=50)
def test_a_quality_bound_never_passes_what_the_other_bound_fails(loss, n):
    found = difference(b.scored(loss, n, changed=0.1), 0.05, b.near_term(quality_min_examples=50))
    assert found.low <= found.lcb <= found.difference <= found.high
    assert (found.outcome is Outcome.PASS) == (found.lcb > -0.03)


@given(st.sets(st.tuples(st.sampled_from(["64", "128", "256"]), st.sampled_from(["1", "2", "4"])), min_size=1))
def test_a_command_runs_exactly_the_cells_that_were_asked_for(cells):
    ran = []
    for command in launch([{"seq_len": s, "batch": n} for s, n in sorted(cells)]).split(" && "):
        given_keys = dict(word.split("=") for word in command.split() if "=" in word)
        ran += [(s, n) for s in given_keys["seq_len"].split(",") for n in given_keys["batch"].split(",")]
    assert sorted(ran) == sorted(cells)


@given(st.floats(-2, 2))
def test_a_percentage_has_the_sign_of_its_log(log):
    shown = percent(log)
    assert shown.endswith(" %")
    assert float(shown.removesuffix(" %")) * log >= 0
