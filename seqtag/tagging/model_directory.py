"""The model directory: what is shipped, and how it is read back.

    config.json         the kind of network, what it was trained on and how
    vocabulary.json     words, characters, tags
    model.safetensors   weights, frozen vectors included
    README.md           the model card

Reading runs nothing from the directory: names, shapes and types of all arrays are compared with the network that
config.json and vocabulary.json describe before any of them is used.
"""

import dataclasses
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

import seqtag
from seqtag.batch import FIRST
from seqtag.config import ModelConfig
from seqtag.data.batching import Buckets
from seqtag.errors import InputError
from seqtag.nn.model import TaggingModel
from seqtag.vocabulary import Vocabulary

FORMAT_VERSION = 1
CONFIG, VOCABULARY, WEIGHTS, CARD = "config.json", "vocabulary.json", "model.safetensors", "README.md"


@dataclass(frozen=True)
class TrainedModel:
    """A network with its weights, and what is needed to run it on text."""

    task: str
    config: ModelConfig
    vocabulary: Vocabulary
    buckets: Buckets
    graph: Any
    """The network's structure (`nnx.split`)."""
    params: Any
    constants: Any
    data: dict[str, Any]
    """What it was trained on, as far as others can find it: format, Hub id, split names."""
    vector_features: int = 0
    """Width of the pretrained vectors; 0 where there are none."""


def abstract_model(
    config: ModelConfig, vocabulary: Vocabulary, vector_features: int, precision: str = "float32"
) -> TaggingModel:
    """The network with shapes in place of weights."""

    def build() -> TaggingModel:
        vectors = np.zeros((vocabulary.sizes.vectors - FIRST, vector_features), np.float32) if vector_features else None
        return TaggingModel(config, vocabulary, vectors, nnx.Rngs(0), precision)

    return nnx.eval_shape(build)


def save_model(model: TrainedModel, path: Path, card: str) -> None:
    """Write the directory beside `path`, then put it in its place, so that no half-written model is ever there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        arrays = {name: np.ascontiguousarray(value) for name, value in _named(model.params, model.constants).items()}
        save_file(arrays, staging / WEIGHTS, metadata={"format": "seqtag"})
        _write_json(staging / VOCABULARY, model.vocabulary.to_dict())
        _write_json(staging / CONFIG, _describe(model))
        (staging / CARD).write_text(card, encoding="utf-8")
        staging.chmod(0o755)
        (staging / WEIGHTS).chmod((staging / CONFIG).stat().st_mode)  # safetensors makes it the owner's alone
        if path.exists():
            shutil.rmtree(path)
        os.replace(staging, path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def find_model(name: str) -> Path:
    """The model directory that a model folder, a run folder or a Hub id means. Raises InputError."""
    path = Path(name)
    for candidate in (path, path / "model"):
        if (candidate / CONFIG).is_file():
            return candidate
    if path.exists():
        raise InputError(f"{path}: holds no seqtag model (no {CONFIG}, and no model folder with one)")
    try:
        found = snapshot_download(name, allow_patterns=[CONFIG, VOCABULARY, WEIGHTS, CARD])
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(f"{name}: no such folder, and the Hub gave no model of that id") from error
    return Path(found)


def load_model(path: Path) -> TrainedModel:
    """Read a model directory. Raises InputError that names the file where something is missing or does not fit."""
    if not (path / CONFIG).is_file():
        raise InputError(f"{path}: not a seqtag model: there is no {CONFIG} in it")
    described = _read_json(path / CONFIG)
    if described.get("format") != "seqtag" or described.get("format_version") != FORMAT_VERSION:
        raise InputError(f"{path / CONFIG}: not a model of this version of seqtag (format_version {FORMAT_VERSION})")
    try:
        config = ModelConfig(**described["model"])
        buckets = Buckets(
            tuple(int(length) for length in described["buckets"]["lengths"]),
            int(described["buckets"]["batch_tokens"]),
            bool(described["buckets"]["packed"]),
        )
        task, data, vector_features = described["task"], described["data"], int(described["vector_features"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path / CONFIG}: a setting is missing or has the wrong type ({error})") from error
    vocabulary = Vocabulary.from_dict(_read_json(path / VOCABULARY))
    model = abstract_model(config, vocabulary, vector_features)
    graph, params, constants = nnx.split(model, nnx.Param, ...)
    arrays = _read_weights(path / WEIGHTS, _named(params, constants))
    params, constants = (
        jax.tree_util.tree_map_with_path(lambda where, _: arrays[_name(where)], tree) for tree in (params, constants)
    )
    return TrainedModel(task, config, vocabulary, buckets, graph, params, constants, data, vector_features)


def _describe(model: TrainedModel) -> dict[str, Any]:
    config = dataclasses.asdict(model.config)
    # What is shipped names no path of the machine it was made on.
    config["word_vectors"] = Path(config["word_vectors"]).name if config["word_vectors"] else None
    return {
        "format": "seqtag",
        "format_version": FORMAT_VERSION,
        "seqtag_version": seqtag.__version__,
        "task": model.task,
        "model": config,
        "vector_features": model.vector_features,
        "buckets": model.buckets._asdict(),
        "data": model.data,
    }


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".").removesuffix(".value")


def _named(*trees: Any) -> dict[str, Any]:
    return {_name(path): value for tree in trees for path, value in jax.tree_util.tree_leaves_with_path(tree)}


def _read_weights(path: Path, expected: dict[str, jax.ShapeDtypeStruct]) -> dict[str, np.ndarray]:
    try:
        with safe_open(path, framework="numpy") as file:
            names = set(file.keys())
            if names != set(expected):
                odd = sorted(names ^ set(expected))[0]
                raise InputError(f"{path}: does not hold the weights that {CONFIG} describes (first to differ: {odd})")
            for name, wanted in expected.items():
                found = file.get_slice(name)
                if tuple(found.get_shape()) != tuple(wanted.shape) or found.get_dtype() != "F32":
                    raise InputError(f"{path}: {name} has not the shape and type that {CONFIG} describes")
            return {name: file.get_tensor(name) for name in expected}
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: cannot be read as safetensors: {error}") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: not a JSON object")
    return values


def _write_json(path: Path, values: dict[str, Any]) -> None:
    # ASCII: a lone surrogate in a training word has no UTF-8.
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
