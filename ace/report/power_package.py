"""`energy.json`: everything about the energy of a decision in one place, for whoever has to believe it.

Source, grade, what was tried and why not, every window with its uncertainty part by part and where its readings lie,
idle power, how far an output of each window was from the same call outside; what a better source would change and the
command to run there. Written by `ace.report.bundle` from the evidence, and again by `ace-verify` to compare.
"""

from collections.abc import Iterator
from typing import Any

from ace.domain.canonical import canonical_json
from ace.domain.decision import Decision
from ace.domain.energy import EnergyWindow, SourceChoice
from ace.domain.record import CellRecord
from ace.domain.serial import encode
from ace.domain.session import Session
from ace.domain.stored import Evidence
from ace.report.power import better_source

ENERGY = "energy.json"


def energy_text(decision: Decision, evidence: Evidence) -> str:
    """Canonical JSON."""
    change, command = better_source(decision)
    records = {cell.record_digest: cell.record for cell in evidence.cells if cell.record is not None}
    cells = [
        {"cell": cell.cell, "answer": encode(cell.energy), "measurements": list(_measured(cell.records, records))}
        for cell in decision.cells
    ]
    return canonical_json(
        {
            "claims": {"energy": encode(decision.claims.energy), "ecd": encode(decision.claims.ecd)},
            "simulated": any(cell.energy is not None and cell.energy.simulated for cell in decision.cells),
            "cells": cells,
            "better_source": {"would_change": change, "run_there": command},
        }
    )


def _measured(digests: tuple[str, ...], records: dict[str | None, CellRecord]) -> Iterator[dict[str, Any]]:
    for digest in digests:
        record = records.get(digest)
        if record is not None:
            yield {
                "record": digest,
                "telemetry": encode(record.plan.telemetry),
                "sources": [_source(choice) for choice in record.energy_sources],
                "sessions": [_session(digest, place, s) for place, s in enumerate(record.sessions) if s.energy],
            }


def _source(choice: SourceChoice) -> dict[str, Any]:
    return {**encode(choice), "simulated": choice.simulated}


def _session(digest: str, place: int, session: Session) -> dict[str, Any]:
    assert session.energy is not None
    raw = f"records/{digest}.json#/sessions/{place}/energy/windows"
    return {
        "session": session.index,
        "refused": encode(session.energy.refused),
        "idle": encode(session.energy.idle),
        "outputs_checked": encode(session.energy_checks),
        "windows": [_window(f"{raw}/{number}/series", w) for number, w in enumerate(session.energy.windows)],
    }


def _window(raw: str, window: EnergyWindow) -> dict[str, Any]:
    made: dict[str, Any] = encode(window)
    del made["series"]
    return {
        **made,
        "power_w": window.power_w,
        "energy_per_item_j": window.energy_per_item_j,
        "relative_uncertainty": None if window.budget is None else window.budget.relative,
        "raw_series": {"where": raw, "unit": window.series.unit, "readings": len(window.series.values)},
    }
