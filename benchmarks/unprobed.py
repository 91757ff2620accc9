"""A worker whose sessions look at nothing beside their timed rounds: `bench_probes` compares it with the real one.

Left out are the baseline's calls before and after the candidate is prepared, all visits, perturbed tokens, idle windows
and what is kept of timed outputs and computed again. Seals, witness and energy belong to every session.
"""

from ace.measure import session, worker
from ace.measure.bench import Run
from ace.measure.probing import Prober


def main() -> None:
    """As `ace.measure.worker`."""
    session._acquaintance = lambda *_: None
    session.KEPT_ROUNDS = 0
    Prober.probe = lambda *_: None  # type: ignore[method-assign]
    Run.recheck = lambda *_: []  # type: ignore[method-assign]
    worker.main()


if __name__ == "__main__":
    main()
