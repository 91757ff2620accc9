"""From the decisions on several experiments of a family to what they agree on, shape by shape.

After `judge`, for `ace-decide --consensus`. An unresolved cell has no voice: it neither confirms nor contradicts. Two
answers exclude each other where their bands do not overlap, or where one is that it helps and the other that it harms;
an edge beside a positive whose bands overlap is the same effect seen twice, and nothing is settled by it. Bands hold
for all cells of one map together, so two that do not overlap are told apart at a level of at most .05 a map (a
conservative comparison: Schenker & Gentleman 2001).
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from ace.decide.cells import shape_order
from ace.domain.canonical import digest
from ace.domain.claim import model_in
from ace.domain.consensus import CONSENSUS_SCHEMA_VERSION, Agreement, Consensus, Member, Place, Voice
from ace.domain.decision import CellDecision, Decision
from ace.domain.plan import DEVELOPMENT, Shape
from ace.domain.serial import encode
from ace.domain.verdict import Regime
from ace.errors import EvidenceError

HELPING = frozenset((Regime.POSITIVE, Regime.EDGE))


def consensus_of(decisions: Sequence[Decision], bundles: Mapping[str, str]) -> Consensus:
    """`bundles`: digest of each experiment's decision bundle.

    Raises EvidenceError for fewer than two experiments or one named twice.
    """
    names = [decision.experiment for decision in decisions]
    require_family(names)
    maps = {d.experiment: {c.shape: c for c in d.cells if c.split == DEVELOPMENT} for d in decisions}
    shapes = sorted({shape for cells in maps.values() for shape in cells}, key=shape_order)
    places = tuple(_place(shape, maps) for shape in shapes)
    return Consensus(
        schema_version=CONSENSUS_SCHEMA_VERSION,
        members=tuple(Member(d.experiment, d.claim, d.label, d.verdict, bundles[d.experiment]) for d in decisions),
        places=places,
        everywhere=tuple(place.shape for place in places if place.regime is Regime.POSITIVE),
        differing=tuple(_differing(decisions)),
    )


def require_family(names: Sequence[str]) -> None:
    """Refuse what is no family.  Raises EvidenceError for fewer than two experiments or one named twice."""
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise EvidenceError(f"a consensus of {', '.join(names)}: name two or more experiments, each once")


def _place(shape: Shape, maps: Mapping[str, Mapping[Shape, CellDecision]]) -> Place:
    there = [(name, cells[shape]) for name, cells in maps.items() if shape in cells]
    voices = tuple(Voice(name, cell.regime, cell.gain, cell.low, cell.high) for name, cell in there)
    lacking = tuple(name for name, cells in maps.items() if shape not in cells)
    resolved = [voice for voice in voices if voice.regime is not Regime.UNRESOLVED]
    heard = {voice.regime for voice in resolved}
    if len(heard) > 1 and any(_exclude(a, b) for a, b in combinations(resolved, 2)):
        agreement = Agreement.DISAGREED
    else:
        agreement = Agreement.AGREED if len(heard) == 1 and len(resolved) == len(maps) else Agreement.OPEN
    regime = heard.pop() if agreement is Agreement.AGREED else None
    apart = tuple((a.experiment, b.experiment) for a, b in combinations(resolved, 2) if _apart(a, b))
    return Place(shape, voices, lacking, agreement, regime, apart)


def _exclude(one: Voice, other: Voice) -> bool:
    """Whether not both can be so. A collapse may be one of quality, whose gain is as large as any."""
    regimes = {one.regime, other.regime}
    return _apart(one, other) or (Regime.COLLAPSE in regimes and bool(regimes & HELPING))


def _apart(one: Voice, other: Voice) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.low > other.high or other.low > one.high


def _differing(decisions: Sequence[Decision]) -> list[str]:
    """Conditions that are not the same in all members, each with what they are."""
    asked: dict[str, Callable[[Decision], str]] = {
        "model": lambda d: model_in(d.label),
        "baseline weights": lambda d: d.envelope.bound.weights[:12] if d.envelope.bound else "not known",
        "processor": lambda d: d.environment.cpu_model if d.environment else "not known",
        "device": lambda d: d.environment.device if d.environment else "not known",
        "threads": lambda d: str(d.environment.threads) if d.environment else "not known",
        "torch": lambda d: dict(d.versions).get("torch", "not known"),
        "development documents": lambda d: ", ".join(b.name for b in d.benchmarks if b.split == DEVELOPMENT) or "none",
        "policy": lambda d: f"{d.policy.name} ({digest(encode(d.policy))[:12]})",
    }
    said = []
    for name, of in asked.items():
        found = {decision.experiment: of(decision) for decision in decisions}
        if len(set(found.values())) > 1:
            said.append(f"{name}: " + "; ".join(f"{experiment} {value}" for experiment, value in found.items()))
    return said
