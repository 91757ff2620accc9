"""The thresholds of a decision, each declared in `conf/policy/*.yaml` with its reason (4-rules).

Only `ace.decide` reads one; measurement never sees it. Fractions, not logs: "3 %" is .03 here and ln(1.03) where it is
compared.
"""

import math
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
    too_good_factor: float
    output_tolerance: float
    dispersion_limit: float
    resolution_s: float
    asymmetry_p: float
    tail_margin: float
    memory_margin: float
    amortisation_calls: float
    complexity_parameters: float
    complexity_dependencies: int
    holdout_looks: int
    fresh_days: int

    def __post_init__(self) -> None:
        for key in ("delta", "margin", "quality_margin", "mechanism_tolerance", "output_tolerance"):
            require(0 <= getattr(self, key) < 1, f"policy.{key}", getattr(self, key), "a fraction in [0, 1)")
        for key in ("imprecise_limit", "heterogeneous_limit", "dispersion_limit", "resolution_s"):
            require(0 < getattr(self, key) < math.inf, f"policy.{key}", getattr(self, key), "a number above 0")
        require(0 < self.alpha < 0.5, "policy.alpha", self.alpha, "a fraction in (0, .5)")
        require(0 < self.asymmetry_p < 1, "policy.asymmetry_p", self.asymmetry_p, "a probability in (0, 1)")
        require(self.delta > 0, "policy.delta", self.delta, "a fraction above 0: some gain must be worth having")
        require(self.margin <= self.delta, "policy.margin", self.margin, f"at most policy.delta={self.delta}")
        for key in ("tail_margin", "memory_margin", "complexity_parameters"):
            require(0 <= getattr(self, key) < math.inf, f"policy.{key}", getattr(self, key), "a fraction, 0 or more")
        calls, packages = self.amortisation_calls, self.complexity_dependencies
        require(1 <= calls < math.inf, "policy.amortisation_calls", calls, "1 or more calls")
        require(self.holdout_looks >= 1, "policy.holdout_looks", self.holdout_looks, "1 or more")
        require(self.fresh_days >= 1, "policy.fresh_days", self.fresh_days, "1 or more days")
        require(packages >= 0, "policy.complexity_dependencies", packages, "0 or more")
        require(1 <= self.too_good_factor < math.inf, "policy.too_good_factor", self.too_good_factor, "1 or more")
        require(self.quality_min_examples >= 2, "policy.quality_min_examples", self.quality_min_examples, "2 or more")
        require(self.min_sessions >= 2, "policy.min_sessions", self.min_sessions, "2 or more")

    @property
    def gain_floor(self) -> float:
        """`delta` as a log: what a gain must exceed to be worth having."""
        return math.log1p(self.delta)

    @property
    def same_within(self) -> float:
        """`margin` as a log: half the width of what is called "same"."""
        return math.log1p(self.margin)
