"""Is one decision bundle what was written, and does its verdict follow from its evidence?

Offline and from the bundle alone: no store, no model, no configuration. Called by `verify`, the command, and by
`verifying_family` for each bundle of a family.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ace
from ace.cli.stale import code_moved_on, too_old
from ace.decide.replay import replayed
from ace.domain.canonical import canonical_json
from ace.domain.decision import DECISION_SCHEMA_VERSION, Decision, document
from ace.domain.decode import decode
from ace.domain.policy import Policy
from ace.errors import EvidenceError
from ace.report.carried import EVIDENCE, Carried, NoJson, Problem, json_object, unpacked
from ace.report.differing import differing
from ace.report.pictured import no_pictures
from ace.report.power_package import ENERGY, energy_text
from ace.report.reading import DECISION, LACKING, SUMS, Found, open_bundle
from ace.report.telling import misquoted, stated

MOST_PLACES = 10
"""Of the decision: one changed timing moves hundreds of numbers."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found. `files`: how many there are beside SHA256SUMS. `decisions`: as they follow from the evidence;
    none where a bundle could not be judged, several in a family."""

    digest: str
    files: int
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]
    decisions: tuple[Decision, ...]
    moved_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """What a bundle says: `document` is its decision.json, believed in nothing but the policy."""

    document: dict[str, Any]
    policy: Policy
    carried: Carried
    problems: tuple[Problem, ...]


def verify(place: Path, anchor: str | None, now_s: float) -> Verified:
    """Read, hash, judge again, tell again, compare.  Raises EvidenceError when there is nothing to verify."""
    found = open_bundle(place)
    problems = [*found.problems, *unlike(anchor, found.digest, SUMS, "bundle")]
    if DECISION in found.files and all(said == LACKING for _, said in problems):
        with suppress(NoJson):  # said below
            _require_version(found)  # which files a bundle has is a matter of the version too
    if not found.can_be_judged:
        return _ended(found, [*problems, (DECISION, "not judged again: what it rests on is not what was written")])
    try:
        read = _read(found)
    except NoJson as error:
        return _ended(found, [*problems, (error.file, error.said)])
    except EvidenceError as error:
        if problems:
            return _ended(found, [*problems, (DECISION, f"not judged again: {error}")])
        raise
    problems += read.problems
    try:
        judged = replayed(read.carried.evidence, read.policy, read.carried.claim)
    except Exception as error:  # a stranger wrote this evidence: whatever judge cannot bear in it is a finding
        said = f"cannot be judged: {type(error).__name__}: {error}"
        return _ended(found, [*problems, (EVIDENCE, said)])
    decision = _as_written(judged, read.document)
    differences, remarks = _differences(found, read.document, decision)
    problems += [*differences, *_misquotations(found, read.document, decision), *no_pictures(found.files)]
    if found.files.get(ENERGY, b"") != energy_text(decision, read.carried.evidence).encode():
        problems.append((ENERGY, "not what the records give; ACE did not write it so"))
    return _ended(found, problems, remarks, (decision,), tuple(_moved_on(decision, read, now_s)))


def _ended(
    found: Found,
    problems: Sequence[Problem],
    remarks: Sequence[str] = (),
    decisions: tuple[Decision, ...] = (),
    moved_on: tuple[str, ...] = (),
) -> Verified:
    return Verified(found.digest, len(found.files) - 1, tuple(problems), tuple(remarks), decisions, moved_on)


def unlike(anchor: str | None, digest: str, file: str, what: str) -> list[Problem]:
    """That what has this digest is not what the anchor names, where there is an anchor."""
    return [] if anchor in (None, digest) else [(file, f"the {what} is sha256:{digest}, the anchor is sha256:{anchor}")]


def _read(found: Found) -> Read:
    """decision.json and the evidence.  Raises EvidenceError when another version wrote them."""
    made, odd = _require_version(found)
    policy = decode(Policy, made.get("policy"), f"{DECISION} policy")
    carried = unpacked(found.files)
    return Read(made, policy, carried, (*odd, *carried.problems))


def _require_version(found: Found) -> tuple[dict[str, Any], list[Problem]]:
    made, odd = json_object(found.files, DECISION)
    schema = made.get("schema_version")
    if schema != DECISION_SCHEMA_VERSION:
        raise EvidenceError(
            f"written by another version of ACE, {_judged_by(made) or 'unknown'} "
            f"(decision schema {schema!r:.20}; this one reads {DECISION_SCHEMA_VERSION})"
        )
    return made, odd


def _as_written(decision: Decision, made: Mapping[str, Any]) -> Decision:
    """Without the one thing that envelopes of this version did not say when the first of them were written."""
    envelope = made.get("envelope")
    if not isinstance(envelope, Mapping) or "measured_at" in envelope:
        return decision
    return replace(decision, envelope=replace(decision.envelope, measured_at=None))


def _differences(found: Found, made: Mapping[str, Any], decision: Decision) -> tuple[list[Problem], list[str]]:
    """Where decision.json is not the decision that follows from the evidence, and remarks."""
    expected = document(decision)
    if judged_by := _judged_by(made):
        expected["versions"]["ace"] = judged_by  # who judged does not follow from the evidence
    if canonical_json(expected).encode() == found.files[DECISION]:
        return [], []
    places = list(differing(made, expected))
    wrong = [place for place in places if not place.rounding]
    problems = [(DECISION, str(place)) for place in wrong[:MOST_PLACES]]
    if len(wrong) > MOST_PLACES:
        problems.append((DECISION, f"{len(wrong) - MOST_PLACES} more places differ"))
    rounded = len(places) - len(wrong)
    remark = f"{rounded} number(s) differ in their last digits, as between processors and libraries"
    return problems, [remark] if rounded else []


def _misquotations(found: Found, made: Mapping[str, Any], decision: Decision) -> list[Problem]:
    """Where memo, table and page do not say what decision.json says."""
    try:
        return list(misquoted(stated(made, decision), found.files))
    except Exception as error:  # it need not be a decision at all, and what it lacks has been named
        return [(DECISION, f"states no decision: {error}")]


def _judged_by(made: Mapping[str, Any]) -> str | None:
    versions = made.get("versions")
    version = versions.get("ace") if isinstance(versions, Mapping) else None
    return version if isinstance(version, str) else None


def _moved_on(decision: Decision, read: Read, now_s: float) -> Iterator[str]:
    judged_by = _judged_by(read.document)
    if judged_by != ace.__version__:
        yield f"judged by ACE {judged_by}; installed here is {ace.__version__}"
    used = {digest for cell in decision.cells for digest in cell.records}
    cells = [cell for cell in read.carried.evidence.cells if cell.record_digest in used]
    records = [cell.record for cell in cells if cell.record is not None]
    yield from code_moved_on(records)
    yield from too_old(decision.envelope.expires_at, decision.policy.fresh_days, now_s)
