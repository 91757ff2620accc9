from dataclasses import replace

import pytest

from ace.decide.regimes import regime_of
from ace.domain.verdict import Regime
from tests.unit.decide import builders as b
from tests.unit.decide.table import only_cell

POLICY = b.near_term()
GOOD, BAD, OPEN = b.scored(0.0), b.scored(-0.1, changed=0.1), b.scored(0.0, n=200)


@pytest.mark.parametrize(
    ("gain", "quality", "offset_sd", "downgraded", "regime"),
    [
        (0.12, GOOD, 0.005, False, Regime.POSITIVE),
        (0.025, GOOD, 0.005, False, Regime.EDGE),
        (0.0, GOOD, 0.005, False, Regime.BOUNDARY),
        (0.0, OPEN, 0.005, False, Regime.BOUNDARY),
        (-0.1, GOOD, 0.005, False, Regime.COLLAPSE),
        (0.12, BAD, 0.005, False, Regime.COLLAPSE),
        (0.12, BAD, 0.005, True, Regime.COLLAPSE),  # a loss of quality is known whatever the timings did
        (0.12, OPEN, 0.005, False, Regime.UNRESOLVED),
        (0.12, GOOD, 0.005, True, Regime.UNRESOLVED),
        (0.0, GOOD, 0.2, False, Regime.UNRESOLVED),
    ],
)
def test_the_regime_follows_the_band_quality_and_doubt(gain, quality, offset_sd, downgraded, regime):
    made = replace(b.record(gain, offset_sd=offset_sd, seed=3), quality=quality)
    assert regime_of(only_cell(made), downgraded, POLICY) is regime


def test_few_sessions_leave_a_cell_unresolved_however_large_its_gain():
    assert regime_of(only_cell(b.record(0.5, sessions=5)), False, POLICY) is Regime.UNRESOLVED
