"""Power and energy with their provenance: sources, windows, uncertainty, effective compute density.

    choosing   one source a chain, with what was tried and why not      windows      the protocol of a measurement
    nvml, nvidia_smi, rapl, declared: the sources                       reckoning    readings to energy, or a reason
    uncertainty, aliasing: every part of the error, with its source     ecd          quality, throughput, energy joined

Knows the domain and (for `ecd`) statistics; neither torch nor MLflow, neither measurement nor judgement. NVIDIA boards
are tested with a fake library only: no figure here was ever compared with a real one by this project.
"""

from ace.telemetry.choosing import Ports, choose, local_ports, reopen
from ace.telemetry.refusing import REASONS, Refused
from ace.telemetry.windows import Rig, length_s, measure_idle, measure_window

__all__ = [
    "REASONS",
    "Ports",
    "Refused",
    "Rig",
    "choose",
    "length_s",
    "local_ports",
    "measure_idle",
    "measure_window",
    "reopen",
]
