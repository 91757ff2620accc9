"""How uncertain a number is, part by part, each with where it is from. Part of an EnergyWindow (ace.domain.energy)."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Component:
    """One part of an uncertainty: one standard deviation (k=1) as a fraction of what it belongs to.

    `systematic`: it is the same in every session, so that repeats do not shrink it. `source`: where it is from.
    """

    name: str
    relative: float
    systematic: bool
    source: str

    def __post_init__(self) -> None:
        if not 0 <= self.relative < math.inf:
            raise ValueError(f"uncertainty {self.name}: {self.relative}")


@dataclass(frozen=True, slots=True)
class Budget:
    """Components of an uncertainty; independent, so that they add in quadrature (GUM, JCGM 100:2008, 5.1.2)."""

    components: tuple[Component, ...]

    @property
    def relative(self) -> float:
        """All components together, k=1."""
        return math.hypot(*(c.relative for c in self.components))

    @property
    def systematic(self) -> float:
        """Those that are the same in every session, k=1."""
        return math.hypot(*(c.relative for c in self.components if c.systematic))

    @property
    def random(self) -> float:
        """Those that differ from window to window, k=1."""
        return math.hypot(*(c.relative for c in self.components if not c.systematic))

    def part(self, name: str) -> float:
        """The component `name`; 0 where this budget has no such part."""
        return math.hypot(*(c.relative for c in self.components if c.name == name))
