"""The model directory: what is shipped, and how it is read back.

    config.json         the kind of network, what it was trained on and how
    vocabulary.json     words, characters, tags
    model.safetensors   weights, frozen vectors included
    README.md           the model card

Reading runs nothing from the directory: settings are checked one by one, and names, shapes and types of all arrays are
compared with the network that config.json and vocabulary.json describe before any of them is read.
"""

import dataclasses
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import jax
import numpy as np
from flax import nnx
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

import seqtag
from seqtag.batch import FIRST
from seqtag.config import PRECISIONS, Config, DataConfig, ModelConfig, check_types
from seqtag.data.batching import Buckets
from seqtag.errors import InputError
from seqtag.nn.model import Network
from seqtag.schemes import tags_of
from seqtag.sentences import SENTENCE_RULE
from seqtag.tokenization import TOKENIZER
from seqtag.vocabulary import Vocabulary

FORMAT_VERSION = 2
_LARGEST = 2**20
"""No size in a configuration is greater: what is, is damaged or means harm."""
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
    """The data settings of its training where the data are public; else only `format`, and `path` None."""
    vector_features: int = 0
    """Width of the pretrained vectors; 0 where there are none."""
    card: str = ""
    """The model card, Markdown."""


def abstract_model(
    config: ModelConfig, vocabulary: Vocabulary, vector_features: int, precision: str = "float32"
) -> Network:
    """The network with shapes in place of weights."""

    def build(vectors: Any) -> Network:
        return Network(config, vocabulary, vectors, nnx.Rngs(0), precision)

    shape = (vocabulary.sizes.vectors - FIRST, vector_features)
    return nnx.eval_shape(build, jax.ShapeDtypeStruct(shape, np.float32) if vector_features else None)


def save_model(model: TrainedModel, path: Path) -> None:
    """Write the directory beside `path`, then put it in its place, so that no half-written model is ever there.

    Raises InputError where it cannot be made, and OSError where it cannot be written, when the disk is full say.
    """
    path = path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        raise InputError(f"{path}: the model cannot be written there: {error.strerror}") from error
    try:
        arrays = {name: np.ascontiguousarray(value) for name, value in _named(model.params, model.constants).items()}
        save_file(arrays, staging / WEIGHTS, metadata={"format": "seqtag"})
        _write_json(staging / VOCABULARY, model.vocabulary.to_dict())
        _write_json(staging / CONFIG, _describe(model))
        (staging / CARD).write_text(model.card, encoding="utf-8")
        staging.chmod(0o755)
        (staging / WEIGHTS).chmod((staging / CONFIG).stat().st_mode)  # safetensors makes it the owner's alone
        if path.exists():
            shutil.rmtree(path)
        os.replace(staging, path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def find_model(name: str, revision: str | None = None) -> Path:
    """The model directory that a model folder, a run folder or a Hub id means. Raises InputError.

    Args:
        name: path of a folder, or a Hub id.
        revision: branch, tag or commit of a Hub id.
    """
    path = Path(name)
    for candidate in (path, path / "model"):
        if (candidate / CONFIG).is_file():
            if revision is not None:
                raise InputError(f"{path}: is a folder, which has no revision {revision}; leave it out")
            return candidate
    if of_seeds := sorted(path.glob(f"seed-*/model/{CONFIG}")):
        raise InputError(f"{path}: holds runs of several seeds; name one of them, such as {of_seeds[0].parent.parent}")
    if path.exists():
        raise InputError(f"{path}: holds no seqtag model (no {CONFIG}, and no model folder with one)")
    # Here and not above: it takes a while, and models in folders need none of it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    at = f" at revision {revision}" if revision else ""
    try:
        found = snapshot_download(name, revision=revision, allow_patterns=[CONFIG, VOCABULARY, WEIGHTS, CARD])
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(f"{name}: no such folder, and the Hub gave no model of that id{at}") from error
    if not (Path(found) / CONFIG).is_file():
        raise InputError(f"{name}: the repository{at} holds no seqtag model (no {CONFIG})")
    return Path(found)


def load_model(path: Path, precision: str = "float32") -> TrainedModel:
    """Read a model directory. Raises InputError that names the file where something is missing or does not fit.

    `precision` is the type of the operands of the encoder's products, float32 or bfloat16; weights stay float32.
    """
    if precision not in PRECISIONS:
        raise InputError(f"precision: must be {' or '.join(PRECISIONS)}, not {precision!r}")
    if not (path / CONFIG).is_file():
        raise InputError(f"{path}: not a seqtag model: there is no {CONFIG} in it")
    described = _read_json(path / CONFIG)
    if described.get("format") != "seqtag":
        raise InputError(f"{path / CONFIG}: not the description of a seqtag model")
    if described.get("format_version") != FORMAT_VERSION:
        raise InputError(f"{path / CONFIG}: not a model of this version of seqtag (format_version {FORMAT_VERSION})")
    for setting, own in (("tokenizer", TOKENIZER), ("sentence_rule", SENTENCE_RULE)):
        if described.get(setting) != own:
            raise InputError(f"{path / CONFIG}: {setting} is {described.get(setting)!r}; this version has only {own!r}")
    try:
        config = _read_config(described["model"])
        buckets = _read_buckets(described["buckets"])
        task, data, vector_features = described["task"], _read_data(described["data"]), described["vector_features"]
        if task not in get_args(get_type_hints(Config)["task"]):
            raise ValueError(f"task is {task!r}")
        if type(vector_features) is not int or not 0 <= vector_features <= _LARGEST:
            raise ValueError(f"vector_features is {vector_features!r}")
    except InputError as error:
        raise InputError(f"{path / CONFIG}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path / CONFIG}: a setting is missing or has the wrong type ({error})") from error
    vocabulary = Vocabulary.from_dict(_read_json(path / VOCABULARY))
    if list(vocabulary.affix_lengths) != config.affix_lengths:
        raise InputError(f"{path / VOCABULARY}: its affix_lengths are not those of {CONFIG}; get the file again")
    tags = tuple(tags_of(vocabulary.labels, config.tag_scheme)) if task != "classification" else ()
    if vocabulary.tags != tags:
        raise InputError(f"{path / VOCABULARY}: its tags are not those of {config.tag_scheme}; get the file again")
    if bool(vocabulary.classes) != (task != "ner"):
        raise InputError(f"{path / VOCABULARY}: its classes do not fit the task {task}; get the file again")
    weights = path / WEIGHTS
    _check_count(weights, config.members * config.num_layers)
    model = abstract_model(config, vocabulary, vector_features, precision)
    graph, params, constants = nnx.split(model, nnx.Param, ...)
    arrays = _read_weights(weights, _named(params, constants))
    params, constants = (
        jax.tree_util.tree_map_with_path(lambda where, _: arrays[_name(where)], tree) for tree in (params, constants)
    )
    card = (path / CARD).read_text(encoding="utf-8", errors="replace") if (path / CARD).is_file() else ""
    return TrainedModel(task, config, vocabulary, buckets, graph, params, constants, data, vector_features, card)


def push_model(model: TrainedModel, repo_id: str, private: bool | None, revision: str | None) -> str:
    """Upload the model directory to a repository of the Hub, made where there is none; the address of the commit.

    Raises InputError where the Hub refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    with tempfile.TemporaryDirectory() as folder:
        save_model(model, Path(folder) / "model")
        try:
            api = HfApi()
            repository = api.create_repo(repo_id, private=private, exist_ok=True)
            commit = api.upload_folder(
                repo_id=repository.repo_id,
                folder_path=Path(folder) / "model",
                revision=revision,
                commit_message="Upload a seqtag model",
            )
        except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OSError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{repo_id}: the Hub did not take the model: {reason}") from error
    return str(commit.commit_url)


def _read_config(values: dict[str, Any]) -> ModelConfig:
    """Raises InputError, KeyError or TypeError for what is no configuration, or one beyond all reason."""
    config = ModelConfig(**values)
    for field in dataclasses.fields(config):
        values[field.name]  # a default would be another model
    check_types(config)
    Config(model=config)  # checks the ranges
    sizes = [value for value in vars(config).values() if type(value) is int]
    if max([*sizes, *config.affix_lengths]) > _LARGEST:
        raise InputError(f"a size is greater than {_LARGEST:,}")
    return config


def _read_data(values: dict[str, Any]) -> dict[str, Any]:
    """Raises InputError or TypeError for what are no data settings."""
    data = DataConfig(**values)
    check_types(data)
    return dataclasses.asdict(data)


def _read_buckets(values: dict[str, Any]) -> Buckets:
    lengths, batch_tokens, least = tuple(values["lengths"]), values["batch_tokens"], values["least"]
    if not lengths:
        raise ValueError("buckets have no lengths")
    for value in (*lengths, batch_tokens, least):
        if type(value) is not int or not 0 < value <= _LARGEST:
            raise ValueError(f"buckets hold {value!r}")
    if type(values["packed"]) is not bool:
        raise ValueError(f"packed is {values['packed']!r}")
    return Buckets(lengths, batch_tokens, values["packed"], least)


def _describe(model: TrainedModel) -> dict[str, Any]:
    config = dataclasses.asdict(model.config)
    # What is shipped names no path of the machine it was made on.
    config["word_vectors"] = Path(config["word_vectors"]).name if config["word_vectors"] else None
    return {
        "format": "seqtag",
        "format_version": FORMAT_VERSION,
        "seqtag_version": seqtag.__version__,
        "task": model.task,
        "tokenizer": TOKENIZER,
        "sentence_rule": SENTENCE_RULE,
        "model": config,
        "vector_features": model.vector_features,
        "buckets": model.buckets._asdict(),
        "data": model.data,
    }


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".").removesuffix(".value")


def _named(*trees: Any) -> dict[str, Any]:
    return {_name(path): value for tree in trees for path, value in jax.tree_util.tree_leaves_with_path(tree)}


def _check_count(path: Path, least: int) -> None:
    """Raise InputError where there are fewer arrays than layers: building them all would take for ever."""
    try:
        with safe_open(path, framework="numpy") as file:
            count = len(file.keys())
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: cannot be read as safetensors: {error}") from error
    if count < least:
        raise InputError(f"{path}: does not hold the weights that {CONFIG} describes ({count} arrays)")


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
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: not a JSON object")
    return values


def _write_json(path: Path, values: dict[str, Any]) -> None:
    # ASCII: a lone surrogate in a training word has no UTF-8.
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
