"""The thresholds of a decision, each declared in `conf/policy/*.yaml` with its reason (4-rules).

Only `ace.decide` reads one; measurement never sees it. Fractions, not logs: "3 %" is .03 here and ln(1.03) where it is
compared.
"""

from dataclasses import dataclass

from ace.domain.plan import require


@dataclass(frozen=True, slots=True)
class Policy:
    """`delta`: smallest gain worth having. `margin`: what is called "same". `quality_margin`: absolute, on [0, 1]."""

    name: str
    delta: float
    margin: float
    alpha: float
    quality_margin: float
    quality_min_examples: int
    min_sessions: int
    imprecise_limit: float
    heterogeneous_limit: float
    mechanism_tolerance: float
    output_tolerance: float
    dispersion_limit: float
    resolution_s: float
    asymmetry_p: float

    def __post_init__(self) -> None:
        for key in ("delta", "margin", "quality_margin", "mechanism_tolerance", "output_tolerance"):
            require(0 <= getattr(self, key) < 1, f"policy.{key}", getattr(self, key), "a fraction in [0, 1)")
        require(0 < self.alpha < 0.5, "policy.alpha", self.alpha, "a fraction in (0, .5)")
        require(self.margin <= self.delta, "policy.margin", self.margin, f"at most policy.delta={self.delta}")
        require(self.quality_min_examples >= 2, "policy.quality_min_examples", self.quality_min_examples, "2 or more")
        require(self.min_sessions >= 2, "policy.min_sessions", self.min_sessions, "2 or more")
