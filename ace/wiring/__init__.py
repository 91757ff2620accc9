"""Configuration to plans: the only package, besides the command line, that knows Hydra and OmegaConf.

`overrides` composes what was typed, `plans` makes a CellPlan of it, `settings` says where things are kept; `values` is
what they share. Unknown keys and impossible values are refused before anything runs.
"""

from ace.wiring.composing import compose_once
from ace.wiring.overrides import (
    compose_config,
    drop_foreign_parameters,
    quoted_null,
    refuse_renamed,
    refuse_sealed,
    refuse_shadowed,
    told,
)
from ace.wiring.plans import benchmark_of, plan_of
from ace.wiring.settings import (
    Resuming,
    Settings,
    experiment_name,
    policy_of,
    refuse_password,
    resuming_of,
    settings_of,
)

__all__ = [
    "Resuming",
    "Settings",
    "benchmark_of",
    "compose_config",
    "compose_once",
    "drop_foreign_parameters",
    "experiment_name",
    "plan_of",
    "policy_of",
    "quoted_null",
    "refuse_password",
    "refuse_renamed",
    "refuse_sealed",
    "refuse_shadowed",
    "resuming_of",
    "settings_of",
    "told",
]
