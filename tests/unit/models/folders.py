"""Folders as Hugging Face's models have them, with no model in them: for all that is decided before loading."""

import json
from pathlib import Path

CONFIG = {
    "model_type": "bert",
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "max_position_embeddings": 64,
}


def folder(at: Path, **config: object) -> Path:
    """Three files of which only the first means anything."""
    at.mkdir(parents=True)
    (at / "config.json").write_text(json.dumps(CONFIG | config))
    (at / "model.safetensors").write_bytes(b"weights")
    (at / "tokenizer.json").write_text("{}")
    return at
