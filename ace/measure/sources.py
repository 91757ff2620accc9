"""Which source of energy each session of a comparison reads: chosen by the parent, once, before the first.

Called by `observe`; `energy` opens in a session what was chosen here. Knows nothing of torch, which the parent of a
sweep on the processor never imports.
"""

from ace.domain.energy import EnergyPlan, SourceChoice
from ace.measure.device import Place, place_of
from ace.telemetry import Ports, choose, local_ports


def chosen_sources(
    plan: EnergyPlan, ports: Ports | None = None, place: Place | None = None
) -> tuple[SourceChoice, ...]:
    """The source of each chain for a whole comparison, of the very board that the arms run on where they run on one."""
    where = place or place_of()
    return choose(plan, ports or local_ports(where.board_uuid, where.unmetered))
