"""The consensus of a family for people and programs: `consensus.json`, `consensus.md`, lines for the terminal.

Written by `ace-decide --consensus` beside the bundles of its members, which hold the evidence.
"""

from ace.domain.canonical import canonical_json
from ace.domain.consensus import Agreement, Consensus, Place
from ace.domain.decision import percent, percent_within
from ace.domain.serial import encode
from ace.report.wording import markdown, markdown_table, plain

FILES = ("consensus.json", "consensus.md")
CLAIMS_NOTHING = (
    "Bands are those of each member's own development map and are never pooled; a consensus claims nothing that a "
    "member's own verdict does not."
)


def consensus_files(found: Consensus) -> dict[str, bytes]:
    """Name -> content."""
    return {FILES[0]: canonical_json(encode(found)).encode(), FILES[1]: _markdown(found).encode()}


def consensus_lines(found: Consensus) -> list[str]:
    """Plain lines for a terminal: the members, what they agree on, every disagreement."""
    lines = [f"consensus of {len(found.members)} experiments"]
    lines += [f"  {member.experiment}: {member.verdict}  {member.label}" for member in found.members]
    lines += [f"  {line}" for line in _summary(found)]
    lines += [f"  disagreement at {_told(place)}" for place in _disputed(found)]
    lines += [f"  measured under other conditions: {line}" for line in found.differing]
    return [plain(line) for line in lines]


def _summary(found: Consensus) -> list[str]:
    counts = {kind: sum(place.agreement is kind for place in found.places) for kind in Agreement}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    positive = ", ".join(map(str, found.everywhere)) or "none"
    return [f"{len(found.places)} shapes: {told}", f"positive in every member: {positive}"]


def _disputed(found: Consensus) -> list[Place]:
    """Where members contradict each other, in regime or in the size of the gain."""
    return [place for place in found.places if place.agreement is Agreement.DISAGREED or place.apart]


def _told(place: Place) -> str:
    shape = place.shape
    said = "; ".join(
        f"{v.experiment} {v.regime} {percent_within(v.gain, v.low, v.high)}" for v in place.voices
    )
    what = "regimes differ" if place.agreement is Agreement.DISAGREED else "bands do not overlap"
    return f"{shape} (hidden {shape.hidden}, depth {shape.depth}), {what}: {said}"


def _markdown(found: Consensus) -> str:
    members = [(member.experiment, member.verdict, member.label, member.bundle) for member in found.members]
    table = markdown_table(("experiment", "verdict", "claim", "bundle"), members)
    lines = ["# Consensus of a family", "", CLAIMS_NOTHING, "", *table]
    lines += ["", *(f"- {markdown(line)}" for line in _summary(found)), "", "## Disagreements", ""]
    lines += [f"- {markdown(_told(place))}" for place in _disputed(found)] or ["None."]
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
    together = str(place.regime) if place.regime else str(place.agreement)
    return (f"{place.shape} h{place.shape.hidden} d{place.shape.depth}", *told, together)
