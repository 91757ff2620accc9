"""The consensus of a family for people and programs: `consensus.json`, `consensus.md`, lines for the terminal.

Written by `ace-decide --consensus` beside the bundles of its members, which hold the evidence; `ace-verify` reads the
folder again.
"""

import os
from pathlib import Path

from ace.domain.canonical import canonical_json
from ace.domain.consensus import Agreement, Consensus, Place
from ace.domain.serial import encode
from ace.domain.verdict import Regime
from ace.domain.wording import percent, percent_within
from ace.errors import EvidenceError
from ace.report.carried import Problem
from ace.report.reading import SUMS
from ace.report.wording import markdown, markdown_table, plain

FILES = ("consensus.json", "consensus.md")
MEMBER = "member-"
MOST_BYTES = 2**26
"""Of a file of the two: 10 000 shapes of ten members take 15 MB."""
CLAIMS_NOTHING = (
    "Bands are those of each member's own development map and are never pooled; a consensus claims nothing that a "
    "member's own verdict does not."
)


def consensus_files(found: Consensus) -> dict[str, bytes]:
    """Name -> content."""
    return {FILES[0]: canonical_json(encode(found)).encode(), FILES[1]: consensus_text(found).encode()}


def member_folder(number: int) -> str:
    """Name of the folder with the bundle of a member, counted from 1."""
    return f"{MEMBER}{number}"


def is_family(place: Path) -> bool:
    """Whether a folder is that of a consensus and no bundle."""
    return os.path.lexists(place / FILES[0]) and not os.path.lexists(place / SUMS)


def lying(place: Path) -> tuple[dict[str, bytes], int, list[Problem]]:
    """The consensus as it lies in a folder, the number of its members, and what else is there.

    No link is followed and nothing larger than a consensus can be is opened.  Raises EvidenceError for no folder.
    """
    files: dict[str, bytes] = {}
    members: set[str] = set()
    odd: list[Problem] = []
    try:
        for entry in sorted(os.scandir(place), key=lambda e: e.name):
            if entry.is_dir(follow_symlinks=False) and entry.name.startswith(MEMBER):
                members.add(entry.name)
            elif entry.name not in FILES or not entry.is_file(follow_symlinks=False):
                odd.append((entry.name, "not of a consensus; it was not opened"))
            elif entry.stat(follow_symlinks=False).st_size > MOST_BYTES:
                odd.append((entry.name, f"more than {MOST_BYTES} bytes; it was not opened"))
            else:
                files[entry.name] = Path(entry.path).read_bytes()
    except OSError as error:
        raise EvidenceError(f"{place} cannot be read: {error}") from error
    expected = {member_folder(number) for number in range(1, len(members) + 1)}
    odd += [(name, "no number that ace-decide gives") for name in sorted(members - expected)]
    return files, len(members), odd


def consensus_lines(found: Consensus) -> list[str]:
    """Plain lines for a terminal: the members, what they agree on, every disagreement."""
    lines = [f"consensus of {len(found.members)} experiments"]
    lines += [f"  {member.experiment}: {member.verdict}  {member.label}" for member in found.members]
    lines += [f"  {line}" for line in _summary(found)]
    lines += [f"  disagreement at {_told(place)}" for place in _disputed(found)]
    lines += [f"  not settled at {_told(place)}" for place in _unsettled(found)]
    lines += [f"  measured under other conditions: {line}" for line in found.differing]
    return [plain(line) for line in lines]


def _summary(found: Consensus) -> list[str]:
    counts = {kind: sum(place.agreement is kind for place in found.places) for kind in Agreement}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    positive = ", ".join(map(str, found.everywhere)) or "none"
    lacking = {m.experiment: sum(m.experiment in place.lacking for place in found.places) for m in found.members}
    unmeasured = [f"{count} of the shapes not measured by {name}" for name, count in lacking.items() if count]
    return [f"{len(found.places)} shapes: {told}", f"positive in every member: {positive}", *unmeasured]


def _disputed(found: Consensus) -> list[Place]:
    """Where members contradict each other, in regime or in the size of the gain."""
    return [place for place in found.places if _is_disputed(place)]


def _unsettled(found: Consensus) -> list[Place]:
    """Where resolved members differ in regime, and yet all of them may be right."""
    return [place for place in found.places if len(_heard(place)) > 1 and not _is_disputed(place)]


def _is_disputed(place: Place) -> bool:
    return place.agreement is Agreement.DISAGREED or bool(place.apart)


def _heard(place: Place) -> set[Regime]:
    return {voice.regime for voice in place.voices} - {Regime.UNRESOLVED}


def _told(place: Place) -> str:
    shape = place.shape
    said = [f"{v.experiment} {v.regime} {percent_within(v.gain, v.low, v.high)}" for v in place.voices]
    said += [f"{name} not measured" for name in place.lacking]
    return f"{shape} (hidden {shape.hidden}, depth {shape.depth}), {_what(place)}: {'; '.join(said)}"


def _what(place: Place) -> str:
    if place.agreement is Agreement.DISAGREED:
        return "answers exclude each other"
    return "bands do not overlap" if place.apart else "regimes differ and their bands overlap"


def _together(place: Place) -> str:
    """What is agreed on, or why nothing is."""
    if place.regime is not None:
        return str(place.regime)
    if place.agreement is Agreement.DISAGREED:
        return str(place.agreement)
    unresolved = [voice.experiment for voice in place.voices if voice.regime is Regime.UNRESOLVED]
    why = [f"not measured by {', '.join(place.lacking)}"] if place.lacking else []
    why += [f"unresolved in {', '.join(unresolved)}"] if unresolved else []
    why += ["bands overlap"] if len(_heard(place)) > 1 else []
    return f"{place.agreement}: {'; '.join(why)}"


def consensus_text(found: Consensus) -> str:
    """Markdown: the members, what they agree on, every disagreement, all shapes."""
    members = [(member.experiment, member.verdict, member.label, member.bundle) for member in found.members]
    table = markdown_table(("experiment", "verdict", "claim", "bundle"), members)
    lines = ["# Consensus of a family", "", CLAIMS_NOTHING, "", *table]
    lines += ["", *(f"- {markdown(line)}" for line in _summary(found)), "", "## Disagreements", ""]
    lines += [f"- {markdown(_told(place))}" for place in _disputed(found)] or ["None."]
    if unsettled := _unsettled(found):
        lines += ["", "## Not settled", "", *(f"- {markdown(_told(place))}" for place in unsettled)]
    if found.differing:
        lines += ["", "Members were measured under other conditions:", ""]
        lines += [f"- {markdown(line)}" for line in found.differing]
    names = [member.experiment for member in found.members]
    rows = [_row(place, names) for place in found.places]
    lines += ["", "## Shape by shape", "", *markdown_table(("shape", *map(markdown, names), "together"), rows)]
    return "\n".join([*lines, ""])


def _row(place: Place, names: list[str]) -> tuple[str, ...]:
    voices = {voice.experiment: voice for voice in place.voices}
    told = []
    for name in names:
        voice = voices.get(name)
        gain = "" if voice is None or voice.gain is None else f" {percent(voice.gain)}"
        told.append("not measured" if voice is None else f"{voice.regime}{gain}")
    return (f"{place.shape} h{place.shape.hidden} d{place.shape.depth}", *told, markdown(_together(place)))
