"""A record is valid from birth: what no measurement could have produced cannot be held."""

from dataclasses import replace

import pytest

from ace.domain.record import Imported
from ace.domain.session import OutputCheck
from tests import builders as b


@pytest.mark.parametrize("score", [-0.01, 1.01, 100.0])
@pytest.mark.parametrize("arm", ["baseline", "candidate"])
def test_a_score_beyond_right_and_wrong_is_refused(arm, score):
    made = b.scored(0.0)
    with pytest.raises(ValueError, match="outside"):
        replace(made, **{arm: (score, *getattr(made, arm)[1:])})


@pytest.mark.parametrize("errors", [(-1e-9, None), (0.0, -1.0)])
def test_a_negative_error_hides_no_difference(errors):
    with pytest.raises(ValueError, match="negative error"):
        OutputCheck("candidate", 0, *errors)


def test_imported_timings_were_never_looked_at_on_the_way():
    made = b.record()
    foreign = Imported("csv", "f.csv", "0" * 64, "a", "b", ((0.1, 0.1),), ((0.1, 0.1),), "unknown", "not said")
    imported = replace(made, sessions=(), imported=foreign)
    sequential = replace(made.plan, protocol=replace(made.plan.protocol, stopping="obrien-fleming"))
    with pytest.raises(ValueError, match="sequential"):
        replace(imported, plan=sequential)
