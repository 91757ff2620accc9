"""Gates frozen and holdout: was the claim fixed before the sealed documents were opened, and does it hold on them?

The seal itself is kept by `ace.holdout`; here its traces are read again. Local evidence is tamper-evident, not
tamper-proof: who deletes a look and its runs together leaves no trace in this store.
"""

from collections import Counter
from collections.abc import Iterator

from ace.decide import commands
from ace.decide.asking import gate, named
from ace.decide.cells import is_evidence
from ace.decide.dossier import Dossier, refuted, spent
from ace.decide.estimates import CellEstimate
from ace.decide.gates.benefit import answer_of, shared_with_earlier
from ace.decide.gates.quality import equivalent, scored, threshold_of
from ace.decide.gather import Case
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import DEVELOPMENT, HOLDOUT
from ace.domain.policy import Policy
from ace.domain.registration import SEALED_MEASUREMENTS, Registration
from ace.domain.stored import StoredCell
from ace.domain.wording import percent

FROZEN, HELD_OUT = "frozen", "holdout"
ANEW = "claim it under another experiment.name, on a holdout that was not opened"


def frozen(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """The registration precedes the first holdout run, and nothing that it fixed has changed."""
    threshold = "registered before the first holdout run, unchanged since"
    registered, case = dossier.case.registration, dossier.case
    past = {(look.digest, look.registration) for look in case.looks if look.registration != case.registered_digest}
    opened = [
        a
        for a in case.attempts
        if a.plan is not None and a.plan.benchmark.split == HOLDOUT and (a.plan.look, a.plan.registration) not in past
    ]
    altered = [f"run {r.run_id}: {r.problem}" for r in case.registrations if r.problem]
    altered += _lost(case)
    if altered:
        step = f"restore it from a backup, or {ANEW}"
        yield gate(FROZEN, Outcome.FAIL, f"a registration cannot be believed: {named(altered)}", threshold, step)
    if registered is None and opened:
        runs = named([a.run_id for a in opened])
        yield gate(FROZEN, Outcome.FAIL, f"the holdout was opened without a registration: runs {runs}", threshold, ANEW)
    elif registered is None:
        step = f"once development and validation pass: ace-freeze --experiment {case.store.experiment}"
        yield gate(FROZEN, Outcome.NO_EVIDENCE, "the claim is not registered", threshold, step)
    else:
        yield _unchanged(dossier, registered, opened, policy, threshold)


def _lost(case: Case) -> list[str]:
    """Registrations of this experiment that have opened a holdout, by the ledger, and are in the store no more."""
    kept = {stored.registration.digest for stored in case.store.registrations if stored.registration is not None}
    looks = [look for look in case.store.looks if look.experiment == case.store.experiment]
    return [f"{look.registration[:12]}, which has opened {look.benchmark}, is not in the store" for look in looks
            if look.registration not in kept]  # fmt: skip


def _unchanged(
    dossier: Dossier, registered: Registration, opened: list[StoredCell], policy: Policy, threshold: str
) -> Finding:
    changed = []
    if registered.policy != _plain(policy):
        changed.append("the policy is another one")
    # by the record where there is one: MLflow's own start of a run can be edited
    starts = [(a.run_id, a.started_at if a.record is None else a.record.started_at) for a in opened]
    early = [run_id for run_id, started_at in starts if started_at < registered.frozen_at]
    changed += [f"run {run} opened the holdout before the registration" for run in early]
    changed += _otherwise(opened, registered)
    foreign = [a.run_id for a in opened if a.plan is not None and a.plan.registration != registered.digest]
    changed += [f"run {run} belongs to another registration" for run in foreign if run not in early]
    for cell in (*dossier.claimed, *dossier.on(HOLDOUT)):
        for record in cell.cell.records:
            sources = (record.code.package_digest, record.code.executor_digest)
            if sources != (registered.code.package_digest, registered.code.executor_digest):
                changed.append(f"{cell.key} was measured by other sources")
            elif sorted(record.weights) != sorted(registered.weights):
                changed.append(f"{cell.key} was measured with other weights")
    missing = set(registered.opened) - {cell.cell.shape for cell in dossier.on(DEVELOPMENT)}
    changed += [f"registered cell {shape} has no development measurement" for shape in sorted(missing, key=str)]
    of = f"registration {registered.digest[:12]} of {named([str(shape) for shape in registered.opened])}"
    if len(dossier.case.registrations) > 1:
        of += f", one of {len(dossier.case.registrations)}"
    if registered.code.dirty:
        of += ", made from a checkout with uncommitted changes"
    if not changed:
        return gate(FROZEN, Outcome.PASS, f"{of}: nothing changed", threshold)
    step = f"judge with what was registered, or {ANEW}"
    return gate(FROZEN, Outcome.FAIL, f"{of}: {named(list(dict.fromkeys(changed)))}", threshold, step)


def _otherwise(opened: list[StoredCell], registered: Registration) -> Iterator[str]:
    """Sealed measurements that the registration does not foresee: by another seed, or more often than twice a cell."""
    foreseen = range(registered.holdout_seed, registered.holdout_seed + SEALED_MEASUREMENTS)
    measured: Counter[str] = Counter()
    for attempt in opened:
        if attempt.plan is None or attempt.plan.registration != registered.digest:
            continue
        if attempt.plan.seed not in foreseen:
            yield f"run {attempt.run_id} drew its sealed documents by another seed than the registration's"
        measured[str(attempt.plan.shape)] += is_evidence(attempt)
    for shape, times in measured.items():
        if times > SEALED_MEASUREMENTS:
            yield f"sealed cell {shape} was measured {times} times, and {SEALED_MEASUREMENTS} were foreseen"


def _plain(policy: Policy) -> Policy:
    """The policy itself, where a stand-in remembers what was read of it."""
    return getattr(policy, "itself", policy)


def holdout(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """Gain and quality of every claimed cell on the sealed documents, at a level divided by the looks."""
    registered, looks = dossier.case.registration, dossier.case.looks
    # the same from the first look on, and from the first measurement on
    level = policy.alpha / (SEALED_MEASUREMENTS * max(policy.holdout_looks, len(looks)))
    threshold = (
        f"lower bound > {percent(policy.gain_floor)} on sealed documents (one-sided {100 * level:g} %, "
        f"{len(looks)} of {policy.holdout_looks} looks), and quality: "
        f"{threshold_of(policy.quality_margin, policy)}"
    )
    if registered is None or not registered.cells:
        step = f"register the claim first: ace-freeze --experiment {dossier.case.store.experiment}"
        shown = "the holdout has not been opened" if registered is None else "nothing was registered to be faster"
        yield gate(HELD_OUT, Outcome.NO_EVIDENCE, shown, threshold, step)
        return
    yield from overspent(dossier, policy, threshold)
    pairs = [(claimed, dossier.at(HOLDOUT, claimed.cell.shape)) for claimed in dossier.claimed]
    missing = [claimed.cell for claimed, cell in pairs if cell is None]
    if missing:
        newest = missing[0].newest
        shapes = [cell.shape for cell in missing]
        step = commands.measure_holdout(newest.record.plan, newest.job, registered, shapes)
        shown = f"not measured on the holdout: {named([str(cell.shape) for cell in missing])}"
        yield gate(HELD_OUT, Outcome.NO_EVIDENCE, shown, threshold, step)
    for claimed, cell in pairs:
        if cell is not None:
            yield _held(dossier, claimed, cell, threshold, policy)
            yield from equivalent(HELD_OUT, cell)
    for claimed in dossier.left:
        cell = dossier.at(HOLDOUT, claimed.cell.shape)
        doubts = named(dossier.downgrades(cell.key)) if cell else ""
        shown = f"left the claim: unresolved after its one re-measurement ({doubts}), as the registration foresees"
        yield gate(HELD_OUT, Outcome.NOT_APPLICABLE, shown, threshold, cell=cell.key if cell else None)


def overspent(dossier: Dossier, policy: Policy, threshold: str) -> Iterator[Finding]:
    """A FAIL, for whatever scope, when the idea has looked more often than the policy pays for."""
    registered, looks = dossier.case.registration, dossier.case.looks
    if registered is not None and len(looks) > policy.holdout_looks:
        seen = f"{registered.idea} has looked {len(looks)} times at {registered.holdout.name}"
        yield gate(HELD_OUT, Outcome.FAIL, seen, threshold, ANEW)


def _held(dossier: Dossier, claimed: CellEstimate, cell: CellEstimate, threshold: str, policy: Policy) -> Finding:
    if shared := shared_with_earlier(dossier, claimed, cell):
        return gate(HELD_OUT, Outcome.FAIL, shared, threshold, "seal documents that nobody has seen", cell.key)
    answer = scored(HELD_OUT, cell, policy)
    if answer.outcome is Outcome.FAIL:
        return answer
    low, high, why = answer_of(cell, policy)
    step = once_more(dossier, cell)
    if low is None or high is None:
        return gate(HELD_OUT, Outcome.NO_EVIDENCE, why, threshold, step, cell.key)
    shown = f"gain between {percent(low)} and {percent(high)} by its one-sided bounds; {answer.evidence}"
    if refuted(cell, policy):
        return gate(HELD_OUT, Outcome.FAIL, shown, threshold, "the gain does not hold on other documents", cell.key)
    if doubts := dossier.downgrades(cell.key):
        seen = f"{shown}; unresolved: {named(doubts)}"
        return gate(HELD_OUT, Outcome.NO_EVIDENCE, seen, threshold, step, cell.key)
    if low > policy.gain_floor and answer.outcome is Outcome.PASS:
        return gate(HELD_OUT, Outcome.PASS, shown, threshold, cell=cell.key)
    return gate(HELD_OUT, Outcome.NO_EVIDENCE, shown, threshold, step, cell.key)


def once_more(dossier: Dossier, cell: CellEstimate) -> str:
    """The command that gives a sealed cell its one re-measurement; after that nothing more can be learned from it."""
    registered, newest = dossier.case.registration, cell.cell.newest
    if registered is None or spent(cell):
        return f"its look and its one re-measurement are spent, and what they leave open stays open: {ANEW}"
    return commands.measure_holdout(newest.record.plan, newest.job, registered, [cell.cell.shape])
