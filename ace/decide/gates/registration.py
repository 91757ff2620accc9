"""Gates frozen and holdout: was the claim fixed before the sealed documents were opened?

Registration is not part of this version, so neither gate can pass, and no verdict goes beyond EXPLORATORY. A holdout
run in the store is then one that nothing had fixed beforehand.
"""

from collections.abc import Iterator

from ace.decide.asking import gate, named
from ace.decide.dossier import HOLDOUT, Dossier
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy

LATER = "nothing to do now: this version cannot register a claim, and its best verdict is EXPLORATORY"


def frozen(dossier: Dossier, _: Policy) -> Iterator[Finding]:
    """The registration precedes the first holdout run."""
    threshold = "registered before the first holdout run, unchanged since"
    opened = [a.run_id for a in dossier.case.attempts if a.plan is not None and a.plan.benchmark.split == HOLDOUT]
    if opened:
        yield gate(
            "frozen",
            Outcome.FAIL,
            f"the holdout was opened without a registration: runs {named(opened)}",
            threshold,
            "claim it under another experiment.name, on a holdout that was not opened",
        )
    else:
        yield gate("frozen", Outcome.NO_EVIDENCE, "the claim is not registered", threshold, LATER)


def holdout(_: Dossier, policy: Policy) -> Iterator[Finding]:
    """Gain and quality on the sealed documents."""
    yield gate(
        "holdout",
        Outcome.NO_EVIDENCE,
        "the holdout has not been opened",
        f"gain and quality on sealed documents, alpha {policy.alpha:g} divided by the looks",
        LATER,
    )
