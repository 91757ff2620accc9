"""What lies on the table when the gates are asked: the case, its numbers, the map and the cells that are claimed.

Fourth step of `judge`. A registration says which cells are claimed; without one the claim is found, not declared: the
development cells that are positive. A registered cell that a downgrade still touches after its one re-measurement on
the holdout leaves the claim. Where there is no claim, gates look at the cells that are fast enough but for quality,
else at all of them, so that harm and blindness are reported too.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ace.decide.cells import shape_order
from ace.decide.estimates import CellEstimate
from ace.decide.gather import Case
from ace.decide.regimes import faster_than_floor, regime_of
from ace.decide.sweeps import refused
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.plan import DEVELOPMENT, HOLDOUT, Shape
from ace.domain.policy import Policy
from ace.domain.registration import SEALED_MEASUREMENTS
from ace.domain.verdict import Regime

DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Dossier:
    """`claimed`: development cells that are registered, or else were found positive; `left`: registered ones that left
    the claim. `examined`: what per-cell gates look at on development. `doubts`: the skeptic's findings;
    `touched`: those that leave a cell unresolved, by cell. `measured_until`: seconds since the epoch, when the newest
    measurement ended, None where there is none; `fresh_until`: when the first of the cells that the claim rests on is
    too old to be relied on."""

    case: Case
    cells: tuple[CellEstimate, ...]
    places: Mapping[tuple[str, Shape], CellEstimate]
    regimes: Mapping[str, Regime]
    doubts: tuple[Finding, ...]
    touched: Mapping[str | None, list[str]]
    claimed: tuple[CellEstimate, ...]
    examined: tuple[CellEstimate, ...]
    measured_until: float | None
    fresh_until: float
    left: tuple[CellEstimate, ...] = ()

    def on(self, split: str) -> tuple[CellEstimate, ...]:
        """The cells of one split."""
        return tuple(cell for cell in self.cells if cell.cell.split == split)

    def at(self, split: str, shape: Shape) -> CellEstimate | None:
        """The same shape on another split; None where it was not measured."""
        return self.places.get((split, shape))

    def unmeasured(self, split: str) -> list[Shape]:
        """Shapes that were attempted on a split and are not on its map: planned, and nothing is known of them."""
        plans = [a.plan for a in self.case.attempts if a.plan is not None and a.plan.benchmark.split == split]
        there = {cell.cell.shape for cell in self.on(split) if cell.cell.sessions}
        return sorted({plan.shape for plan in plans} - there, key=shape_order)

    def tried(self) -> set[Shape]:
        """Every shape that was attempted on any split, whatever came of it."""
        plans = [a.plan for a in self.case.attempts if a.plan is not None]
        return {plan.shape for plan in plans} | {cell.cell.shape for cell in self.cells}

    @property
    def whole(self) -> bool:
        """Whether there is a map of development that lacks no attempted cell, which may hold anything."""
        return bool(self.on(DEVELOPMENT)) and not self.unmeasured(DEVELOPMENT)

    def claims_all(self, claimed: Sequence[CellEstimate]) -> bool:
        """Whether these are all of development, and nothing beyond them was so much as tried, on whatever split, or
        declared and found impossible to run."""
        all_claimed = self.whole and self.tried() <= {cell.cell.shape for cell in claimed}
        return all_claimed and not any(refused(sweep, self.case.attempts) for sweep in self.case.sweeps)

    def downgrades(self, key: str) -> list[str]:
        """Names of the rules that leave this cell unresolved."""
        return self.touched.get(key, [])


def compile_dossier(case: Case, cells: tuple[CellEstimate, ...], doubts: Sequence[Finding], policy: Policy) -> Dossier:
    """Draw the map and find the cells that can be claimed."""
    touched: dict[str | None, list[str]] = defaultdict(list)
    for finding in filter(downgrades, doubts):
        touched[finding.cell].append(finding.name)
    regimes = {cell.key: regime_of(cell, cell.key in touched, policy) for cell in cells}
    development = [cell for cell in cells if cell.cell.split == DEVELOPMENT]
    places = {(cell.cell.split, cell.cell.shape): cell for cell in cells}
    registered = case.registration
    left = []
    if registered is None or not registered.cells:
        claimed = [cell for cell in development if regimes[cell.key] is Regime.POSITIVE]
    else:
        shapes = set(registered.cells)
        named = [cell for cell in development if cell.cell.shape in shapes]
        opened = {cell.key: places.get((HOLDOUT, cell.cell.shape)) for cell in named}
        still = {
            key
            for key, cell in opened.items()
            if cell is not None and spent(cell) and cell.key in touched and not refuted(cell, policy)
        }
        claimed = [cell for cell in named if cell.key not in still] or named  # a claim is never emptied: it stays open
        kept = {cell.key for cell in claimed}
        left = [cell for cell in named if cell.key not in kept]
    fast = [cell for cell in development if faster_than_floor(cell, policy)]
    return Dossier(
        case=case,
        cells=cells,
        places=places,
        regimes=regimes,
        doubts=tuple(doubts),
        touched=dict(touched),
        claimed=tuple(claimed),
        examined=tuple(claimed or fast or development),
        measured_until=max((record.ended_at for cell in cells for record in cell.cell.records), default=None),
        fresh_until=_oldest(cells, claimed or cells) + policy.fresh_days * DAY_S,
        left=tuple(left),
    )


def _oldest(cells: Sequence[CellEstimate], claimed: Sequence[CellEstimate]) -> float:
    """When the cell that was measured longest ago, of the claimed shapes on all splits, was last measured: what is
    measured at other shapes makes no claim younger."""
    shapes = {cell.cell.shape for cell in claimed}
    last = [max(r.ended_at for r in cell.cell.records) for cell in cells if cell.cell.shape in shapes]
    return min(last, default=0.0)


def spent(opened: CellEstimate) -> bool:
    """Whether a holdout cell has had its measurement and the one re-measurement that its registration foresees."""
    return opened.cell.looks >= SEALED_MEASUREMENTS


def refuted(opened: CellEstimate, policy: Policy) -> bool:
    """Whether a holdout cell denies the claim, however noisy it is: noise leaves a cell open, it does not acquit it."""
    highest = [bound.high for bound in (opened.bounds, opened.band) if bound.high is not None]
    return opened.quality_outcome is Outcome.FAIL or any(high < policy.gain_floor for high in highest)


def downgrades(finding: Finding) -> bool:
    """Whether a finding leaves its cell unresolved."""
    return finding.severity is Severity.DOWNGRADE and finding.outcome is Outcome.FAIL
