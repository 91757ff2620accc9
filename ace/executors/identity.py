"""The candidate that changes nothing: whatever is claimed for it is false.

A control for the whole instrument, and the smallest example of an executor.
"""

import copy

from torch import nn

from ace.domain.workload import Batch


class Identity:
    """A deep copy of the model, with weights of its own in memory, as every candidate has."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:  # noqa: ARG002
        """The candidate: the same module, elsewhere in memory."""
        return copy.deepcopy(model)
