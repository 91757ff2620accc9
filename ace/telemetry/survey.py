"""What this machine offers, source by source: for people, before anything is measured."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from ace.domain.energy import EnergyPlan, Grade, Scope
from ace.telemetry.choosing import SOURCES, Ports
from ace.telemetry.meters import COUNTER, Meter
from ace.telemetry.refusing import Refused
from ace.telemetry.sampling import Sampler
from ace.telemetry.uncertainty import window_needed_s
from ace.telemetry.windows import Rig

ERRORS = (0.01, 0.02, 0.05)
WATCHED_PERIODS = 10  # documented update periods that a source is watched for, to measure its own
LONGEST_WATCH_S = 2.0


@dataclass(frozen=True, slots=True)
class Offer:
    """One source. `refusal`: reason and text where it gives nothing, and then nothing else is known. `update_period_s`:
    as seen, else as documented (`period_seen` says which). `windows_s`: work needed for each of ERRORS at k=2."""

    name: str
    chain: Scope
    refusal: tuple[str, str] | None
    grade: Grade
    device: str | None
    update_period_s: float | None
    period_seen: bool
    windows_s: tuple[tuple[float, float], ...]


def survey(plan: EnergyPlan, ports: Ports, rig: Rig) -> Iterator[Offer]:
    """Every source, in the order in which they are tried."""
    for source in SOURCES:
        try:
            meter = source.open(ports, plan, ports.device_uuid)
        except Refused as refusal:
            yield Offer(source.name, source.chain, (refusal.reason, str(refusal)), Grade.NONE, None, None, False, ())
            continue
        what, seen_s = meter.description, _seen_period_s(meter, rig)
        meter.close()
        period_s = seen_s or what.seen_every_s
        windows = () if what.grade.simulated else tuple((e, window_needed_s(period_s, e)) for e in ERRORS)
        device = what.device_name if what.device_uuid is None else f"{what.device_name} {what.device_uuid}"
        yield Offer(source.name, source.chain, None, what.grade, device, period_s, seen_s is not None, windows)


def offered(offers: Iterable[Offer]) -> Iterator[str]:
    """A line a source, for people."""
    for offer in offers:
        if offer.refusal is not None:
            reason, text = offer.refusal
            yield f"{offer.name} ({offer.chain}): {reason}: {text}"
        elif offer.grade.simulated:
            yield f"{offer.name} ({offer.chain}): {offer.grade}, simulated: supports no claim"
        else:
            needed = ", ".join(f"{error:.0%} {seconds:.1f} s" for error, seconds in offer.windows_s)
            how = "seen" if offer.period_seen else "as documented"
            yield (
                f"{offer.name} ({offer.chain}): {offer.grade}, {offer.device}, updates every "
                f"{1e3 * (offer.update_period_s or 0):.1f} ms ({how}); windows for {needed}"
            )


def _seen_period_s(meter: Meter, rig: Rig) -> float | None:
    """Median time between two changes of a counter; a sensor of an idle board may not change at all."""
    if meter.description.kind != COUNTER:
        return None
    sampler = Sampler(meter, rig.clock, rig.every)
    sampler.start()
    rig.sleep(min(WATCHED_PERIODS * meter.description.seen_every_s, LONGEST_WATCH_S))
    sampler.stop()
    moved = [t for i, t in enumerate(sampler.times_s) if i and sampler.values[i] != sampler.values[i - 1]]
    gaps_s = sorted(b - a for a, b in pairwise(moved))
    return gaps_s[len(gaps_s) // 2] if gaps_s else None
