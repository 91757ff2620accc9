"""Gate integrity: is what is judged still what was measured?

Looks at every attempt of the claim, used or not. Hashes prove consistency, not authenticity: who can rewrite the store
and its digests together is not caught here, copied evidence is.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from ace.decide.asking import gate, named, passed
from ace.decide.cells import FINISHED
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate
from ace.decide.gates.clocks import clocks
from ace.domain.canonical import digest
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.registration import LedgerEntry, chain_problem
from ace.domain.session import Session
from ace.domain.snapshot import snapshot_of
from ace.domain.stored import StoredCell

NAME = "integrity"
SHA256 = re.compile(r"[0-9a-f]{64}")
ANEW = "measure the claim under another experiment.name"
TELLING = 12  # different readings in a session: two of that many are not the same by chance
PILE, OFTEN, FINE = 3, 0.25, 1e-3  # times a timing, of the sessions, of a session's spread


def integrity(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """Digests of records and files, and evidence that stands in the store more than once."""
    yield _records(dossier.case.attempts)
    yield from _ledger(dossier)
    yield _baselines(dossier.case.attempts)
    yield from _registered(dossier)
    yield _files(dossier)
    yield _inputs(dossier.case.attempts)
    yield _copies(dossier.case.attempts)
    yield _repeated(dossier.case.attempts)
    yield clocks(NAME, dossier.case)
    yield _frozen_clocks(dossier, policy)


def _records(attempts: Iterable[StoredCell]) -> Finding:
    finished = [a for a in attempts if a.status == FINISHED]
    broken = [f"run {a.run_id}: {problem}" for a in attempts if (problem := _record_problem(a))]
    evidence = f"{len(finished)} finished records recomputed; {len(broken)} differ" + (
        f": {named(broken)}" if broken else ""
    )
    return gate(
        NAME,
        passed(not broken),
        evidence,
        "sha256 of every record equals the one written when it was measured",
        "" if not broken else f"restore these records from a backup; where they are lost, {ANEW}",
    )


def _registered(dossier: Dossier) -> Iterator[Finding]:
    """Every record that a registration rests on is still in the store."""
    registered, threshold = dossier.case.registration, "every record that was registered is there"
    if registered is None:
        return
    there = {attempt.record_digest for attempt in dossier.case.attempts}
    gone = [digest[:12] for digest in registered.records if digest not in there]
    shown = f"gone: {named(gone)}" if gone else f"all {len(registered.records)} are there"
    step = "restore these runs from a backup: a registration cannot outlive its evidence" if gone else ""
    yield gate(NAME, passed(not gone), f"registered records: {shown}", threshold, step)


def _baselines(attempts: Iterable[StoredCell]) -> Finding:
    """The snapshot kept with every cell is the baseline of its record, and nothing else's."""
    threshold = "every baseline snapshot is there and is that of its record"
    wrong, whole = [], 0
    for attempt in attempts:
        if attempt.record is None or attempt.record_digest is None or attempt.record_digest != attempt.tagged_digest:
            continue  # there is no record that could vouch for it, and that has been said
        expected = snapshot_of(attempt.record, attempt.record_digest)
        if expected is None:
            continue
        if attempt.baseline_problem or attempt.baseline is None:
            wrong.append(f"run {attempt.run_id}: {attempt.baseline_problem or 'its snapshot is gone'}")
        elif attempt.baseline != expected:
            wrong.append(f"run {attempt.run_id}: the snapshot is that of another baseline")
        else:
            whole += 1
    if wrong:
        return gate(NAME, Outcome.FAIL, named(wrong), threshold, f"restore them from a backup, or {ANEW}")
    if not whole:
        return gate(NAME, Outcome.NOT_APPLICABLE, "no baseline was timed", threshold)
    return gate(NAME, Outcome.PASS, f"{whole} baseline snapshots are those of their records", threshold)


def _ledger(dossier: Dossier) -> Iterator[Finding]:
    """Every holdout run names a look; the chain of looks must be whole and hold it."""
    store, threshold = dossier.case.store, "the chain of holdout looks is whole, and every holdout run's look is in it"
    known = {look.digest: look.registration for look in store.looks}
    plans = [(a.run_id, a.plan) for a in dossier.case.attempts if a.plan is not None and a.plan.look is not None]
    lost = [run for run, plan in plans if known.get(plan.look or "") != plan.registration]
    entries: list[LedgerEntry] = sorted((*store.looks, *store.openings), key=lambda entry: entry.index)
    if problem := store.ledger_problem or chain_problem(entries):  # whoever read it: a bundle brings entries of its own
        step = "restore the ledger from a backup: without it nobody knows how often the holdout was seen"
        yield gate(NAME, Outcome.FAIL, problem, threshold, step)
    elif lost:
        step = "restore the ledger from a backup: looks were removed from it"
        yield gate(NAME, Outcome.FAIL, f"the look of runs {named(lost)} is not in the ledger", threshold, step)
    elif plans:
        yield gate(NAME, Outcome.PASS, f"ledger of {len(store.looks)} look(s) whole", threshold)


def _record_problem(attempt: StoredCell) -> str | None:
    finished = attempt.status == FINISHED
    if attempt.record is None:
        gone = finished or attempt.tagged_digest is not None  # else it never gave any: complete asks about it
        return (attempt.problem or "its record is gone") if gone else None
    if attempt.tagged_digest is None:
        return "the digest recorded with the run is gone" if finished else None
    if attempt.record_digest != attempt.tagged_digest:
        return f"record has sha256 {(attempt.record_digest or 'none')[:12]}, the run says {attempt.tagged_digest[:12]}"
    if attempt.plan is not None and attempt.plan != attempt.record.plan:
        return "the plan in the record is not the plan of the run"
    return None


def _files(dossier: Dossier) -> Finding:
    """Data and weights by name: one name, one content, within all that is pooled or compared on the map."""
    seen: dict[str, set[str]] = defaultdict(set)
    for estimate in dossier.cells:
        for record in estimate.cell.records:
            for name, content in (*record.weights, *record.data):
                seen[name].add(content)
    changed = sorted(name for name, contents in seen.items() if len(contents) > 1)
    if not seen:
        return gate(
            NAME,
            Outcome.NO_EVIDENCE,
            "no digest of data or weights was recorded",
            "digests of data and weights are recorded",
            "measure again with this version",
        )
    return gate(
        NAME,
        passed(not changed),
        f"{len(seen)} data and weights files; {len(changed)} changed between cells"
        + (f": {named(changed)}" if changed else ""),
        "one content per file name",
        "" if not changed else "measure all cells of the map again on the same files",
    )


def _inputs(attempts: Iterable[StoredCell]) -> Finding:
    """The documents of each session against the digest that its process took of them."""
    sessions = [(a.run_id, s) for a in attempts if a.record is not None for s in a.record.sessions]
    unread = [f"run {run} session {s.index}" for run, s in sessions if not SHA256.fullmatch(s.inputs_digest)]
    changed = [
        f"run {run} session {s.index}"
        for run, s in sessions
        if SHA256.fullmatch(s.inputs_digest) and s.inputs_digest != digest([list(row) for row in s.inputs])
    ]
    threshold = "sha256 of the documents of every session equals the one that the session took"
    if changed:
        return gate(NAME, Outcome.FAIL, f"other documents in {named(changed)}", threshold, f"restore them, or {ANEW}")
    if unread or not sessions:
        shown = f"no sha256 to compare with in {named(unread)}" if unread else "no session was measured"
        return gate(NAME, Outcome.NO_EVIDENCE, shown, threshold, "measure again with this version")
    return gate(NAME, Outcome.PASS, f"documents of {len(sessions)} sessions recomputed; 0 differ", threshold)


def _copies(attempts: Iterable[StoredCell]) -> Finding:
    """A session that stands in the store twice, to the last digit of every timing or of the processor time of every
    timing, is one session."""
    known: dict[object, str] = {}
    copies, sessions = [], 0
    for attempt in attempts:
        for session in attempt.record.sessions if attempt.record else ():
            sessions += 1
            place, prints = f"run {attempt.run_id} session {session.index}", _fingerprints(session)
            original = next((known[one] for one in prints if one in known), None)
            if original is not None:
                copies.append(f"{place} repeats {original}")
            for one in prints:
                known.setdefault(one, place)
    return gate(
        NAME,
        passed(not copies),
        f"{sessions - len(copies)} different sessions; {len(copies)} repeated to the last digit"
        + (f": {named(copies)}" if copies else ""),
        "no session twice",
        "" if not copies else f"a copied session adds no evidence; {ANEW}",
    )


def _repeated(attempts: Iterable[StoredCell]) -> Finding:
    """An attempt has one run: a second one of its name is a copy, whatever has been done to its timings."""
    first: dict[str, str] = {}
    again = []
    for attempt in attempts:
        if attempt.record is not None:
            name = attempt.record.attempt
            original = first.setdefault(name, attempt.run_id)
            again += [f"run {attempt.run_id} is {name} of run {original}"] if original != attempt.run_id else []
    shown = f"{len(first)} attempts, {len(again)} in a second run" + (f": {named(again)}" if again else "")
    step = f"a copied run adds no evidence; {ANEW}" if again else ""
    return gate(NAME, passed(not again), shown, "one run for each attempt", step)


def _fingerprints(session: Session) -> list[object]:
    """Of the clock, and of processor time where it ticks finely enough for no two sessions to agree by chance."""
    by_clock = tuple((timings.arm, timings.wall_s) for timings in session.timings)
    used = tuple((timings.arm, timings.cpu_s) for timings in session.timings)
    fine = len({value for _, row in used for value in row}) >= TELLING
    return [by_clock, used] if fine else [by_clock]


def _frozen_clocks(dossier: Dossier, policy: Policy) -> Finding:
    """One timing written many times: over a session, in two arms, or in the place of an arm's outliers."""
    odd = [
        f"{estimate.key} session {session.index}"
        for estimate in dossier.cells
        for session in estimate.cell.sessions
        if _repeats(session, policy)
    ]
    odd += [text for estimate in dossier.cells for text in _piled(estimate)]
    return gate(
        NAME,
        passed(not odd),
        f"{len(odd)} sessions or arms with one timing written many times" + (f": {named(odd)}" if odd else ""),
        "timings vary where the clock can tell",
        "" if not odd else ANEW,
    )


def _piled(estimate: CellEstimate) -> Iterator[str]:
    """Arms that hold the same timing three times over in many sessions: outliers that were overwritten, not measured.

    A clock whose tick is a thousandth of what a session spreads over gives such a triple by chance in one row of
    thousands; one session proves nothing, a quarter of them does.
    """
    sessions = estimate.cell.sessions
    for arm in sorted({timings.arm for session in sessions for timings in session.timings}):
        rows = [(s, s.wall_s(arm)) for s in sessions if any(t.arm == arm for t in s.timings)]
        piled = sum(max(Counter(row).values(), default=0) >= PILE and _fine(session, row) for session, row in rows)
        if piled > OFTEN * len(rows):
            yield f"{estimate.key} {arm} in {piled} of {len(rows)} sessions"


def _fine(session: Session, row: tuple[float, ...]) -> bool:
    tick = session.environment.clock_resolution_s / session.calls_per_timing
    return tick < FINE * (max(row) - min(row))


def _repeats(session: Session, policy: Policy) -> bool:
    rows = [timings.wall_s for timings in session.timings]
    resolvable = all(
        session.environment.clock_resolution_s < (policy.same_within or policy.gain_floor) * min(row)
        for row in rows
        if row
    )
    alike = any(len(row) > 2 and len(set(row)) == 1 for row in rows) or len(set(rows)) < len(rows)
    return resolvable and alike
