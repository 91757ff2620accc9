"""A real store with a claim on its whole way in it, and the commands run within this process."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ace.cli import decide, freeze, verify
from ace.domain.record import CellRecord
from ace.domain.registration import HoldoutLook, HoldoutOpening, Registration
from ace.domain.stored import StoredCell
from ace.tracking.ledger import Ledger, ledger_of
from ace.tracking.reader import read_evidence
from ace.tracking.store import Store
from ace.tracking.writer import Tracker
from tests.unit.decide import registered as r

EXPERIMENT = "token_pruning"
"""The one that the plans of the builders name."""
SUMMARY = {"speed/gain_log": 0.05}


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line of a refusal."""
        assert self.code == 2, self
        assert self.out == ""
        assert len(self.err.splitlines()) == 1, self.err
        return self.err


@dataclass(frozen=True)
class Filled:
    """A store with one experiment; `root` is what tracking.root names."""

    store: Store
    root: Path
    tracker: Tracker
    capsys: pytest.CaptureFixture[str] | None

    @property
    def ledger(self) -> Ledger:
        return ledger_of(self.root)

    def measured(self, made: CellRecord, **changes: object) -> str:
        """A finished attempt with this record; the id of its run."""
        run_id = self.begun(made, **changes)
        self.tracker.finish(
            run_id, made, summary=SUMMARY, provenance=dict.fromkeys(SUMMARY, "measured"), note="", status="FINISHED"
        )
        return run_id

    def begun(self, made: CellRecord, **changes: object) -> str:
        """An attempt that has not come to its end."""
        given = {"attempt": made.attempt, "sweep": None, "job": None, "code": made.code, "weights": made.weights,
                 "cell_key": "key", "started_at": made.started_at}  # fmt: skip
        return self.tracker.begin(made.plan, **(given | changes))  # type: ignore[arg-type]

    def keep(self, cells: Sequence[StoredCell]) -> list[str]:
        """What the builders made, as finished attempts."""
        return [self.measured(cell.record) for cell in cells if cell.record is not None]

    def register(self) -> Registration:
        """The claim of what was measured, registered as ace-freeze does."""
        made = r.frozen_of(read_evidence(self.store, EXPERIMENT))
        self.tracker.log_registration(made, "")
        return made

    def look(self, registration: Registration) -> HoldoutLook:
        """The look that the registration takes at its holdout, written into the ledger."""
        look = self.ledger.append(lambda index, previous, _: r.look_of(registration, index, previous))
        assert look is not None
        return look

    def unsealed(self, registration: Registration, look: HoldoutLook) -> list[str]:
        """Every registered cell on the holdout, each with its line in the ledger; the ids of the runs."""
        cells = r.opened(registration, look)
        runs = self.keep(cells)
        for run, cell in zip(runs, cells, strict=True):
            self._note(look, cell, run)
        return runs

    def _note(self, look: HoldoutLook, cell: StoredCell, run: str) -> None:
        plan = cell.plan
        assert plan is not None
        self.ledger.append(
            lambda index, previous, _: HoldoutOpening(
                index, previous, look.digest, plan.shape, plan.seed, run, look.opened_at
            )
        )

    def folder(self, run_id: str) -> Path:
        return Path(self.store.client.get_run(run_id).info.artifact_uri)

    def decide(self, *arguments: str) -> Said:
        place = ["--experiment", EXPERIMENT, f"tracking.root={self.root}", "--output", str(self.bundle)]
        return self.run(decide.main, [*place, "--json", *arguments])

    def freeze(self, *arguments: str) -> Said:
        place = ["--experiment", EXPERIMENT, f"tracking.root={self.root}", "--output", str(self.root / "registrations")]
        return self.run(freeze.main, [*place, "--allow-dirty", *arguments])

    def verify(self, *arguments: str) -> Said:
        return self.run(verify.main, [str(self.bundle), *arguments])

    @property
    def bundle(self) -> Path:
        return self.root / "decisions" / "bundle"

    def run(self, main, arguments: Sequence[str]) -> Said:  # type: ignore[no-untyped-def]
        assert self.capsys is not None, "this store was made to be copied"
        self.capsys.readouterr()
        code = 0
        try:
            main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = self.capsys.readouterr()
        return Said(code, out, err)


def whole_way(filled: Filled) -> tuple[Registration, HoldoutLook, list[str]]:
    """An honest claim that is accepted: development, validation, registration, look, holdout."""
    filled.keep(r.explored((64, 1)))
    made = filled.register()
    look = filled.look(made)
    return made, look, filled.unsealed(made, look)
