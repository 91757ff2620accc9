"""Serving a claim: the candidate inside the envelope where it was accepted, the baseline everywhere else.

Beside the main path: a server imports this package with torch and nothing else of ACE's machinery. Whatever does not
match (weights, processor, torch, threads, padding, date, a file that was edited) means the baseline, counted by reason
and said once in the log of `ace.guard`; what an arm raises reaches the caller.

- serving: Guard itself, and what every call is asked
- matching: what must be equal to what was measured, and what is not
- watching: whether the weights are still those that were compared
- shadow: samples of served calls that may revoke the candidate

Weights are compared by digest when a guard is made, and again whenever they are seen to have moved, so that a mismatch
that goes away is admitted again. Every call looks at torch's attention kernels and at the mode of both arms, every
fourth at torch's other settings. At torch's count of changes in place to the baseline's weights it looks in turn, 16
tensors a call, and 4 a call at where weights lie, at changes to the candidate's and at the mode of inner modules. So
what happens to a whole arm is seen by the next call; what happens to one tensor of two encoders of a hundred each is
seen within 7 calls where the baseline's was changed in place, and within 50 otherwise.

Not seen: what is written past torch's count (through `.data`, NumPy or another process), hooks, and code that is
replaced; of the candidate only its parameters are watched, and what it computes is what its caller says it is. Of a
CUDA board its name and torch's CUDA version are compared, not its driver, which no session records, and not which of
several attention kernels it would take, which nobody knows before a call. Written for any device and tested on a CPU;
it was never run on a GPU.
"""

from ace.domain.envelope import Envelope
from ace.guard.serving import Guard

__all__ = ["Envelope", "Guard"]
