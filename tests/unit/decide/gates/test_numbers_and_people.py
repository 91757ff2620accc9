"""A candidate that says it computes the same numbers is held to them; further benchmarks are tested for harm."""

from dataclasses import replace

import numpy as np
import pytest

from ace.decide.gates.benefit import validation
from ace.decide.gates.quality import quality
from ace.domain.finding import Outcome
from ace.domain.quality import Agreement, Further, Similarity
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, each_session, laid_out, outcomes, the_fail

POLICY = b.near_term()
DOCUMENTS = 50
PAIRS = DOCUMENTS * (DOCUMENTS - 1) // 2


def computing(error: float | None, equivalent: bool = True):
    """An honest cell whose outputs are `error` off, relative to the largest."""
    made = b.honest(GAIN, b.plan())
    n = len(made.quality.baseline)
    agreement = None if error is None else Agreement("float32", (error,) * n, (3.0,) * n, (1,) * n)
    made = replace(made, quality=replace(made.quality, agreement=agreement))
    return each_session(made, lambda s: replace(s, declared_equivalent=equivalent))


def ask(record):
    return list(quality(laid_out(b.stored(record)), POLICY))


def test_rounding_in_another_order_is_the_same_number():
    assert outcomes(ask(computing(2e-6))) == {Outcome.PASS}


def test_a_compiler_that_computes_something_else_fails_though_its_scores_are_as_good():
    found = the_fail(ask(computing(1e-3)))
    assert "relative error 1.0e-03" in found.evidence
    assert "equivalent=True" in found.next_step


def test_numbers_that_were_not_compared_are_no_evidence():
    assert outcomes(ask(computing(None))) == {Outcome.PASS, Outcome.NO_EVIDENCE}


def test_who_does_not_claim_the_same_numbers_is_not_held_to_them():
    assert outcomes(ask(computing(0.7, equivalent=False))) == {Outcome.PASS}


def rated(noise: float, seed: int = 0) -> Further:
    """People agree with the baseline; the candidate's similarities have `noise` added."""
    rng = np.random.default_rng(seed)
    true = rng.random(PAIRS)
    arms = [np.clip(true + rng.normal(0, sd, PAIRS), 0, 1) for sd in (0.1, 0.1)]
    candidate = np.clip(arms[1] + rng.normal(0, noise, PAIRS), -1, 2)
    values = [tuple(array.tolist()) for array in (arms[0], arms[1], candidate)]
    return Further("lee", 0.03, Similarity("human_similarity", DOCUMENTS, *values, "inputs"), None)


def validated(further: Further):
    cells = [b.honest(GAIN, b.plan(split=split)) for split in ("development", "validation")]
    cells[1] = replace(cells[1], further=(further,))
    return [f for f in validation(laid_out(*map(b.stored, cells)), POLICY) if "lee" in f.threshold]


@pytest.mark.parametrize(("noise", "outcome"), [(0.0, Outcome.PASS), (0.05, Outcome.PASS), (0.6, Outcome.FAIL)])
def test_similarities_that_people_no_longer_agree_with_are_harm(noise, outcome):
    [found] = validated(rated(noise))
    assert found.outcome is outcome
    assert "50 documents" in found.evidence


def test_what_could_not_be_scored_says_why():
    [found] = validated(Further("lee", None, None, "the candidate is declared to compute the baseline's numbers"))
    assert (found.outcome, "declared to compute" in found.evidence) == (Outcome.NOT_APPLICABLE, True)


def test_similarities_without_spread_are_no_evidence():
    flat = Similarity("human_similarity", DOCUMENTS, (0.5,) * PAIRS, (0.5,) * PAIRS, (0.5,) * PAIRS, "inputs")
    [found] = validated(Further("lee", None, flat, None))
    assert found.outcome is Outcome.NO_EVIDENCE
