"""Timings whose truth is known: a machine that misbehaves in one chosen way at a time.

Each call takes `seconds * exp(common + own)`: what the machine does at that moment hits whichever arm is running, what
belongs to an arm (its layout, its warm-up, its spread) hits that arm.  Rounds 2k and 2k+1 form a mirrored block, or the
baseline runs first and the candidate after it (`blocked=True`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Machine:
    """Log-scale sizes of everything that can go wrong; zero means that it does not."""

    white: float = 0.01  # sd of each call
    layout: float = 0.005  # sd of an offset drawn once per session and arm
    wander: float = 0.0  # sd of a common AR(1) process over calls
    persistence: float = 0.9  # its correlation from call to call
    drift: float = 0.0  # common linear rise over a session
    tail_rate: float = 0.0  # share of calls that are hit by a spike
    tail_height: float = 0.0  # mean of an exponential spike
    student: float = np.inf  # degrees of freedom of each call's noise
    layout_student: float = np.inf  # degrees of freedom of the session offsets
    warm_baseline: float = 0.0  # excess of the first call
    warm_candidate: float = 0.0
    warm_rounds: float = 1.0  # rounds until the excess has fallen by e
    state_step: float = 0.0  # slow-down of the second frequency state
    state_stay: float = 0.97  # chance to stay in a state from call to call
    burst_rate: float = 0.0  # chance that a call starts a burst
    burst_calls: int = 6
    burst_height: float = 0.0
    pause_every: int = 0  # calls between periodic pauses
    pause_height: float = 0.0
    spread: float = 1.0  # candidate's white noise relative to the baseline's
    build: float = 0.0  # sd of an offset fixed for the whole comparison
    second_call: float = 0.0  # gain of whichever arm runs second in a round


MACHINES = {
    "quiet": Machine(),
    "layout": Machine(layout=0.009),
    "wide layout": Machine(layout=0.006, layout_student=3),
    "drift": Machine(drift=0.08),
    "autocorrelated": Machine(wander=0.04),
    "heavy tails": Machine(white=0.012, student=2, tail_rate=0.08, tail_height=0.6),
    "warm-up": Machine(warm_baseline=0.3, warm_candidate=0.5, warm_rounds=1.2),
    "one arm warms": Machine(warm_candidate=0.4, warm_rounds=0.8),
    "sticky states": Machine(state_step=0.25),
    "bursts": Machine(burst_rate=0.02, burst_height=0.5),
    "pauses": Machine(pause_every=7, pause_height=0.8),
    "unequal spread": Machine(spread=3.0),
    "second call": Machine(second_call=0.008),
    "bad day": Machine(
        layout=0.008, drift=0.03, wander=0.02, tail_rate=0.05, tail_height=0.4, state_step=0.15, warm_candidate=0.2
    ),
}
SLOW_WARM_UP = Machine(warm_baseline=0.05, warm_candidate=0.15, warm_rounds=8)
BUILD_BIAS = Machine(build=0.01)


def draw(
    machine: Machine,
    effect: float,
    many: int,
    sessions: int,
    rounds: int,
    rng: np.random.Generator,
    *,
    blocked: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Seconds of both arms, each (many, sessions, rounds); the candidate is `effect` faster: 0.02 is a true 2 %."""
    shape = (many, sessions, rounds)
    calls = 2 * rounds
    common = _common(machine, (many, sessions, calls), rng)
    baseline_at, candidate_at = _positions(shape, rng, blocked)
    baseline = np.take_along_axis(common, baseline_at, axis=2) + _own(machine, shape, 1.0, machine.warm_baseline, rng)
    candidate = np.take_along_axis(common, candidate_at, axis=2)
    candidate += _own(machine, shape, machine.spread, machine.warm_candidate, rng)
    second = machine.second_call * (candidate_at > baseline_at)
    candidate += rng.normal(0, machine.build, (many, 1, 1)) - np.log1p(effect) - second
    baseline -= machine.second_call - second
    return SECONDS * np.exp(baseline), SECONDS * np.exp(candidate)


def _positions(shape: tuple[int, int, int], rng: np.random.Generator, blocked: bool) -> tuple[np.ndarray, np.ndarray]:
    """At which call of the session each arm runs: mirrored blocks with a random first order, or one arm at a time."""
    many, sessions, rounds = shape
    if blocked:
        first = np.broadcast_to(np.arange(rounds), shape)
        return first, first + rounds
    flips = rng.integers(0, 2, (many, sessions, (rounds + 1) // 2)).repeat(2, axis=2)[..., :rounds]
    later = (flips + np.arange(rounds)) % 2  # the second round of a block reverses the first
    start = 2 * np.arange(rounds)
    return start + later, start + 1 - later


def _common(machine: Machine, shape: tuple[int, int, int], rng: np.random.Generator) -> FloatArray:
    """What the machine does to whichever arm is running.  -> (many, sessions, calls)."""
    many, sessions, calls = shape
    at = np.arange(calls)
    common = machine.drift * np.broadcast_to(at / calls, shape).copy()
    if machine.wander:
        shocks = rng.normal(0, machine.wander, shape)
        shocks[..., 1:] *= np.sqrt(1 - machine.persistence**2)
        level = shocks[..., 0]
        for call in range(calls):
            level = shocks[..., call] + (machine.persistence * level if call else 0)
            common[..., call] += level
    if machine.state_step:
        switches = rng.random(shape) > machine.state_stay
        switches[..., 0] = rng.random(shape[:2]) < 0.5
        common += machine.state_step * (switches.cumsum(axis=2) % 2)
    if machine.burst_rate:
        starts = rng.random(shape) < machine.burst_rate
        for lag in range(machine.burst_calls):
            height = machine.burst_height * rng.random((many, sessions, calls - lag))
            common[..., lag:] += height * starts[..., : calls - lag]
    if machine.pause_every:
        phase = rng.integers(0, machine.pause_every, (many, sessions, 1))
        common += machine.pause_height * ((at + phase) % machine.pause_every == 0)
    if machine.tail_rate:
        common += rng.exponential(machine.tail_height, shape) * (rng.random(shape) < machine.tail_rate)
    return common


def _own(
    machine: Machine, shape: tuple[int, int, int], spread: float, warm: float, rng: np.random.Generator
) -> FloatArray:
    """What belongs to one arm: its layout in this process, its warm-up, its own noise.  -> (many, sessions, rounds)."""
    layout = _noise(machine.layout, machine.layout_student, (*shape[:2], 1), rng)
    own = layout + _noise(machine.white * spread, machine.student, shape, rng)
    if warm:
        own += warm * rng.uniform(0.7, 1.3, (*shape[:2], 1)) * np.exp(-np.arange(shape[2]) / machine.warm_rounds)
    return own


def _noise(scale: float, df: float, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    return scale * (rng.standard_normal(shape) if np.isinf(df) else rng.standard_t(df, shape))


def draw_arms(
    machine: Machine,
    gains: Sequence[float],
    candidate: int,
    sessions: int,
    rounds: int,
    rng: np.random.Generator,
    seconds: float = SECONDS,
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Any number of arms in one session, as ACE times them: each block is a random order followed by its reverse.

    `gains`: log gain of each arm over the first; `candidate`: which of them has the candidate's warm-up and spread.
    -> seconds (arms, sessions, rounds) and the place of each arm in its round (arms, sessions, rounds).
    """
    arms, shape = len(gains), (1, sessions, rounds)
    common = _common(machine, (1, sessions, arms * rounds), rng)[0]  # (sessions, calls)
    first = rng.permuted(np.tile(np.arange(arms)[:, None, None], (1, sessions, rounds // 2)), axis=0)
    place = np.empty((arms, sessions, rounds), dtype=np.int64)
    place[..., 0::2], place[..., 1::2] = first, arms - 1 - first
    logs = np.empty((arms, sessions, rounds))
    for arm, gain in enumerate(gains):
        own = arm == candidate
        warm, spread = (machine.warm_candidate, machine.spread) if own else (machine.warm_baseline, 1.0)
        at = arms * np.arange(rounds) + place[arm]
        logs[arm] = np.take_along_axis(common, at, axis=1) + _own(machine, shape, spread, warm, rng)[0] - gain
    logs -= machine.second_call * (place > 0)
    return seconds * np.exp(logs), place
