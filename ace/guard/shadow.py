"""Shadow samples: served calls in which both arms are timed, as evidence that may revoke the candidate.

Drawn and timed by `ace.guard.serving`. Two things are tested, each by an e-process (Ramdas et al. 2023), of which the
mean counts, so that an arm as fast as the baseline is revoked with probability at most `alpha` however long it serves:

- that in at least half of the samples its faster call is no slower than the baseline's. The faster of two calls, in
  mirrored order, is free of cold weights and drift, so that five percent show within a hundred samples;
- that the first calls on an input, which are what is served, cost no more on average: the mean of (c - b) / (c + b), c
  and b the seconds of the candidate's and the baseline's first call, is at most 0. The order is drawn, so that what the
  first caller pays falls on both alike. A candidate that remembers inputs, or is very slow every now and then, shows
  here; a loss counts for at most 1 however slow the call, so that what is slow less than about one call in twenty may
  stay.
"""

import random
from collections.abc import Callable

import torch
from torch import nn


class Shadow:
    """`rate`: share of admitted calls that are sampled. `clock`: seconds, monotonic. Not safe under threads by itself:
    the guard calls `drawn` and `count` under its lock."""

    def __init__(self, rate: float, alpha: float, seed: int, clock: Callable[[], float]) -> None:
        if not 0 <= rate <= 1:
            raise ValueError(f"shadow_rate is {rate}; allowed is a share of the admitted calls, from 0 to 1")
        if not 0 < alpha < 1:
            raise ValueError(f"shadow_alpha is {alpha}; allowed is a probability above 0 and below 1, such as 0.01")
        self._rate, self._alpha, self._clock, self._dice = rate, alpha, clock, random.Random(seed)
        self._samples = self._slower = 0
        self._log_wealth: tuple[float, ...] = ()
        self.revoked = False

    def drawn(self) -> bool:
        """Whether this call is sampled."""
        return self._rate > 0 and self._dice.random() < self._rate

    def timed(self, baseline: nn.Module, candidate: nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> "Sample":
        """Both arms in mirrored order on the inputs that are served."""
        arms = [baseline, candidate]
        if self._dice.random() < 0.5:
            arms.reverse()
        seconds: dict[int, list[float]] = {id(arm): [] for arm in arms}
        answers = []
        for arm in (*arms, *reversed(arms)):
            started = self._clock()
            out = arm(ids, mask)
            _settle(ids.device)
            seconds[id(arm)].append(self._clock() - started)
            if arm is candidate:
                answers.append(out)
        return Sample(answers[0], seconds[id(baseline)], seconds[id(candidate)])

    def count(self, sample: "Sample") -> str | None:
        """Take a sample for evidence; says why, for people, if the candidate is revoked now."""
        from ace.stats.eprocess import e_value, staked, wealth  # numpy and scipy, for those who ask for shadow samples

        self._samples += 1
        self._slower += min(sample.candidate_s) > min(sample.baseline_s)
        before, after = sample.baseline_s[0], sample.candidate_s[0]
        loss = (after - before) / (after + before) if after + before > 0 else 0.0
        self._log_wealth = staked(self._log_wealth, loss)
        half, mean = e_value(self._slower, self._samples), wealth(self._log_wealth)
        if self.revoked or (half + mean) / 2 < 1 / self._alpha:
            return None
        self.revoked = True
        return (
            f"in {self._slower} of {self._samples} shadow samples the candidate was slower (e-value {half:.3g}; "
            f"{mean:.3g} for the mean of first calls); the baseline serves from now on"
        )


class Sample:
    """The candidate's answer, and seconds of each arm's calls in the order in which they were made."""

    def __init__(self, answer: object, baseline_s: list[float], candidate_s: list[float]) -> None:
        self.answer, self.baseline_s, self.candidate_s = answer, baseline_s, candidate_s


def _settle(device: torch.device) -> None:
    """Wait for work that a device was only told to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
