"""Settings in YAML, each read by the type of its setting, exactly as the flag of the same name is."""

import difflib
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from seqtag.config import DataConfig, ModelConfig, TrainingConfig
from seqtag.errors import InputError

SECTIONS = {"data": DataConfig, "model": ModelConfig, "training": TrainingConfig}


class _Loader(yaml.SafeLoader):
    """Leaves scalars as they are written, null aside: a word where a word is wanted, a number where a number is.

    So `no` is no truth value in a list of names, `1e-3` is a number, and the revision `0123456` keeps its zero.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As its parent's, but raises ConstructorError where a key stands twice, of which one would be lost."""
        seen = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name} is set twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag == "tag:yaml.org,2002:null"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(path: Path, flag: str) -> Any:
    """What a file holds, scalars as they are written. Raises InputError that names `flag` where it cannot be read."""
    try:
        return yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
    except UnicodeDecodeError as error:
        raise InputError(f"{flag} {path}: not UTF-8 text") from error
    except OSError as error:
        raise InputError(f"{flag} {path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{flag} {path}: not valid YAML: {' '.join(str(error).split())}") from error


def read_settings(path: Path) -> dict[str, Any]:
    """The settings of a file by their whole names, `data.path`. Raises InputError where it is no such file."""
    values = read_yaml(path, "--config")
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise InputError(f"--config {path}: must hold the sections data, model and training")
    for name in SECTIONS:
        if values.get(name, {}) is None:  # a section whose settings are all commented out
            values[name] = {}
        if name in values and not isinstance(values[name], dict):
            raise InputError(f"--config {path}: section {name} must hold settings, one a line")
        for key in values.get(name, {}):
            if f"{name}.{key}" in values:
                raise InputError(f"--config {path}: {name}.{key} is set twice, in its section and by its whole name")
    return flatten(values)


def flatten(values: dict[str, Any]) -> dict[str, Any]:
    """`{"data": {"path": x}}` -> `{"data.path": x}`."""
    flat = {}
    for name, value in values.items():
        if isinstance(value, dict) and name in SECTIONS:
            flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat


def nearest(name: str, known: Iterable[object], prefix: str = "") -> str:
    """`; did you mean …?`, for the end of a sentence about an unknown setting."""
    names = [str(entry) for entry in known]
    key = name.rpartition(".")[2]
    near = [entry for entry in names if entry.rpartition(".")[2] == key] or difflib.get_close_matches(
        name, names, 1, 0.6
    )
    return f"; did you mean {prefix}{near[0]}?" if near else "; --help lists all settings"


def parse_list(text: str) -> list[Any]:
    """`O, no` and `[O, no]` -> `["O", "no"]`. Raises InputError where a bracket is left open."""
    if not text.startswith("["):
        return [entry.strip() for entry in text.split(",")]
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise InputError(f"{text} is no list; write it as [a, b]") from error


def parse_value(text: str) -> Any:
    """What jsonargparse is to read in a value where a number, a truth value, a list or null may stand.

    Only `null` is null: not `~`, and not what YAML takes for a comment. Infinities and NaN are no numbers; lists are
    JSON. Raises ValueError where one is not.
    """
    if text == "null":
        return None
    if text.startswith("["):
        return json.loads(text)
    for number in (int, float):
        try:
            return number(text) if math.isfinite(float(text)) else text
        except ValueError:
            continue
    return _TRUTH.get(text.lower(), text)


_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
