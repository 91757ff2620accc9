"""An encoder as transformers writes it, with our pooling behind it: for architectures that are not our own.

Made by `ace.models.hf` in a worker. It has no `layers` and no `embeddings` of its own, so that an executor which would
rebuild its forward pass says that it cannot.
"""

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ace.errors import PlanError
from ace.models.encoder import masked_mean


class MeanPooled(nn.Module):
    """ids, mask: (batch, tokens) int64 -> sentence embeddings (batch, hidden) float32 of length 1."""

    def __init__(self, transformer: nn.Module):
        super().__init__()
        self.transformer = transformer

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        x: Tensor = self.transformer(input_ids=ids, attention_mask=mask).last_hidden_state
        return functional.normalize(masked_mean(x, mask), dim=-1)


def load_pooled(folder: Path, name: str) -> MeanPooled:
    """The model of a folder, in evaluation mode, without gradients.

    Raises PlanError when transformers cannot read it, or would make up weights that the files do not hold.
    """
    from safetensors import SafetensorError
    from transformers import AutoModel
    from transformers.utils import logging

    # the bar starts a thread that would wake up while somebody is timed
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        made, told = AutoModel.from_pretrained(
            folder,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are told, and refused below by their name
        )
    except (OSError, ValueError, ImportError, SafetensorError) as error:
        said = " ".join(str(error).split())[:400]
        raise PlanError(f"model.name={name} is refused: transformers cannot read it: {said}") from error
    _require_complete(told, name)
    # its own copy: what was read may still lie in the mapped file, and a candidate, which is a copy, does not
    return MeanPooled(copy.deepcopy(made)).eval().requires_grad_(False)


def _require_complete(told: dict[str, Any], name: str) -> None:
    """transformers draws weights that are missing at random, which would score as a pretrained model's."""
    absent = sorted(str(key) for key in told["missing_keys"] if not str(key).startswith("pooler."))
    absent += sorted(str(key) for key, *_ in told["mismatched_keys"])
    if absent:
        raise PlanError(
            f"model.name={name} is refused: its weights hold no {absent[0]} of the right shape ({len(absent)} missing "
            "in all); its config.json and its weights do not belong together, copy or download it again."
        )
