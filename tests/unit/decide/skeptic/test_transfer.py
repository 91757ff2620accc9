from ace.domain.finding import Outcome
from tests.unit.decide import registered as r
from tests.unit.decide.table import GAIN


def gap(holdout_gain: float):
    cells = r.explored((64, 1))
    made = r.registration_of(cells)
    look = r.look_of(made)
    decision = r.decide(r.evidence(cells + r.opened(made, look, gain=holdout_gain), made, (look,)))
    (found,) = [f for f in decision.findings if f.name == "transfer gap"]
    return found


def test_a_gain_that_carries_over_raises_no_doubt():
    assert gap(GAIN).outcome is Outcome.PASS


def test_a_gain_that_is_much_smaller_on_sealed_documents_warns_with_its_size():
    found = gap(GAIN - 0.06)
    assert (found.outcome, found.severity.value) == (Outcome.FAIL, "warn")
    assert "development gains +6" in found.evidence


def test_before_the_holdout_is_opened_there_is_no_gap_to_speak_of():
    decision = r.decide(r.evidence(r.explored((64, 1)), None))
    (found,) = [f for f in decision.findings if f.name == "transfer gap"]
    assert found.outcome is Outcome.NO_EVIDENCE
