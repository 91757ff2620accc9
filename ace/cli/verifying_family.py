"""Does the consensus of a family follow from the bundles that lie beside it, and each of them from its evidence?

Called by `verify` for a folder that `ace-decide --consensus` wrote; every bundle goes through `verifying`.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ace.cli.verifying import Verified, unlike, verify
from ace.decide.consensus import consensus_of
from ace.domain.decision import Decision
from ace.errors import EvidenceError
from ace.report.carried import Problem
from ace.report.consensus import FILES, consensus_files, lying, member_folder


def verify_family(place: Path, anchor: str | None, now_s: float) -> Verified:
    """All that is in the folder, as one.  Raises EvidenceError when a bundle cannot be read or judged at all.

    `anchor`: the digest of the consensus itself, sha256 of consensus.json: it names the digest of every bundle.
    """
    files, members, problems = lying(place)
    found = [verify(place / member_folder(number), None, now_s) for number in range(1, members + 1)]
    told = [(member_folder(number), one) for number, one in enumerate(found, start=1)]
    problems += [(f"{folder}/{file}", said) for folder, one in told for file, said in one.problems]
    decisions = [decision for one in found for decision in one.decisions]
    if len(decisions) == members:
        problems += _differing(files, decisions, [one.digest for one in found])
    digest = hashlib.sha256(files.get(FILES[0], b"")).hexdigest()
    problems += unlike(anchor, digest, FILES[0], "consensus")
    return Verified(
        digest=digest,
        files=len(files) + sum(one.files for one in found),
        problems=tuple(problems),
        remarks=tuple(f"{folder}: {line}" for folder, one in told for line in one.remarks),
        decisions=tuple(decisions),
        moved_on=tuple(dict.fromkeys(line for one in found for line in one.moved_on)),
    )


def _differing(files: dict[str, bytes], decisions: Sequence[Decision], digests: Sequence[str]) -> list[Problem]:
    bundles = {one.experiment: f"sha256:{digest}" for one, digest in zip(decisions, digests, strict=True)}
    try:
        expected = consensus_files(consensus_of(decisions, bundles))
    except EvidenceError as error:
        return [(FILES[0], f"there is none: {error}")]
    return [(name, "not what the bundles give") for name in FILES if files.get(name) != expected[name]]
