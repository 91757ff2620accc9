"""A Hugging Face checkpoint on this disk: its folder, what its config.json says, its weights, its tokenizer.

Read by `ace.models.hf`. Local folders, and the hub's own cache for a named revision; nothing is ever fetched from here.
Weights are safetensors and nothing else: a pickle runs code when it is opened.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ace.domain.parsing import parse_json
from ace.domain.plan import require
from ace.errors import PlanError

CONFIG, WEIGHTS, INDEX, TOKENIZER = "config.json", "model.safetensors", "model.safetensors.index.json", "tokenizer.json"
HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
# our name -> the architectures' own, the most usual first
SIZE_NAMES = {
    "hidden": ("hidden_size", "dim", "d_model"),
    "depth": ("num_hidden_layers", "n_layers", "num_layers"),
    "heads": ("num_attention_heads", "n_heads", "num_heads"),
    "positions": ("max_position_embeddings", "n_positions"),
}
# these count positions from behind the padding token's id: so many rows of their table no token ever uses
POSITIONS_AFTER_PADDING = (
    "camembert", "data2vec-text", "esm", "ibert", "longformer", "luke", "mpnet", "roberta", "roberta-prelayernorm",
    "xlm-roberta", "xlm-roberta-xl", "xmod",
)  # fmt: skip


def full_name(name: str, revision: str | None) -> str:
    """What a spec calls the model: a folder as it was given, or `owner/model@commit` of the hub.

    Raises PlanError when it is neither here nor in the hub's cache.
    """
    if Path(name).expanduser().is_dir():
        require(
            revision is None,
            "model.revision",
            revision,
            f"null, as model.name={name} is a local folder; the digests of its files say which one it is",
        )
        return name
    hub_id, at, commit = name.rpartition("@")
    if at and revision is None:  # a full name, as records have it
        return f"{hub_id}@{_snapshot(hub_id, commit).name}"
    if HUB_ID.fullmatch(name) is None:
        raise _refused(name, f"there is no such folder; allowed: {_FOLDER}, or a model of the hub as owner/model")
    require(
        revision is not None,
        "model.revision",
        revision,
        f"a commit, tag or branch of the hub's model {name}; there is no folder of that name",
    )
    return f"{name}@{_snapshot(name, str(revision)).name}"


def _snapshot(hub_id: str, revision: str) -> Path:
    """The folder of a revision in the hub's cache; it is named after the commit."""
    from huggingface_hub import try_to_load_from_cache  # here: it takes 0.3 s, and only models of the hub need it

    found = try_to_load_from_cache(hub_id, CONFIG, revision=revision) if HUB_ID.fullmatch(hub_id) else None
    if not isinstance(found, str):
        raise _refused(
            f"{hub_id} model.revision={revision}",
            "there is no folder of that name, and the hub's cache on this machine has no such revision; ACE downloads "
            f"nothing. Run: hf download {hub_id} --revision {revision}; or give a local folder",
        )
    return Path(found).parent


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A folder with a config.json; `name` as the spec has it."""

    name: str
    folder: Path
    config: Mapping[str, Any]

    @classmethod
    def named(cls, name: str) -> "Checkpoint":
        """From the full name.  Raises PlanError when the folder or its config.json is missing."""
        folder = Path(name).expanduser()
        if not folder.is_dir():
            hub_id, _, commit = full_name(name, None).rpartition("@")
            folder = _snapshot(hub_id, commit)
        return cls(name, folder, _json_object(name, folder / CONFIG))

    def sizes(self) -> dict[str, int]:
        """hidden, depth, heads, positions (those that a text can use).  Raises PlanError when one is not named."""
        found = {ours: self._size(theirs) for ours, theirs in SIZE_NAMES.items()}
        if self.config.get("model_type") in POSITIONS_AFTER_PADDING:
            padding = self.config.get("pad_token_id")
            found["positions"] -= 1 + (padding if type(padding) is int else 1)
        if found["heads"] < 1 or found["hidden"] % found["heads"]:
            raise _refused(self.name, f"its heads ({found['heads']}) do not divide its hidden size ({found['hidden']})")
        return found

    def _size(self, theirs: tuple[str, ...]) -> int:
        sizes = [self.config[key] for key in theirs if type(self.config.get(key)) is int]
        if not sizes:
            expected = "allowed: encoders of text with a fixed number of positions"
            raise _refused(self.name, f"its {CONFIG} has no {' or '.join(theirs)}; {expected}")
        return int(sizes[0])

    def weights(self) -> tuple[Path, ...]:
        """The files of weights, one or several.  Raises PlanError when they are missing or pickled."""
        if (self.folder / WEIGHTS).is_file():
            return (self.folder / WEIGHTS,)
        if (self.folder / INDEX).is_file():
            return self._shards()
        pickled = sorted(file.name for file in self.folder.glob("*.bin"))
        if pickled:
            raise _refused(
                self.name,
                f"its weights are a pickle ({pickled[0]}), which can run code when it is opened; allowed: {WEIGHTS}. "
                "Convert it where you trust it, with from_pretrained and save_pretrained",
            )
        raise _refused(self.name, f"it has no weights; allowed: {_FOLDER}. Copy or download it again")

    def _shards(self) -> tuple[Path, ...]:
        named = _json_object(self.name, self.folder / INDEX).get("weight_map")
        shards = tuple(self.folder / name for name in sorted(set(named.values() if isinstance(named, dict) else ())))
        missing = [shard.name for shard in shards if not shard.is_file() or shard.parent != self.folder]
        if missing or not shards:
            which = missing[0] if missing else "any file"
            raise _refused(self.name, f"its {INDEX} names {which}, which is not there; copy or download it again")
        return shards

    def tokenizer(self) -> Path:
        """Its tokenizer.json.  Raises PlanError without one: another model's ids would mean other words."""
        file = self.folder / TOKENIZER
        if not file.is_file():
            raise _refused(
                self.name,
                f"it has no {TOKENIZER}, and the ids of another tokenizer would mean other words to it; allowed: "
                f"{_FOLDER}. AutoTokenizer.from_pretrained(...).save_pretrained(...) makes the file",
            )
        return file

    def digests(self) -> tuple[tuple[str, str], ...]:
        """(name, sha256) of every file that is read."""
        weights = self.weights()
        index = () if weights[0].name == WEIGHTS else (self.folder / INDEX,)
        files = (self.folder / CONFIG, *index, *weights, self.tokenizer())
        return tuple((file.name, sha256_of(file)) for file in files)


_FOLDER = f"a folder that holds {CONFIG}, {WEIGHTS} and {TOKENIZER}"


def _refused(name: str, why: str) -> PlanError:
    return PlanError(f"model.name={name} is refused: {why}.")


def sha256_of(file: Path) -> str:
    """Hex SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _json_object(name: str, file: Path) -> dict[str, Any]:
    try:
        value = parse_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _refused(
            name, f"the folder has no {file.name}; allowed: {_FOLDER}, as save_pretrained writes it"
        ) from error
    except (OSError, ValueError) as error:
        raise _refused(name, f"its {file.name} cannot be read: {error}; copy or download it again") from error
    if not isinstance(value, dict):
        raise _refused(name, f"its {file.name} holds no JSON object; copy or download it again")
    return value
