"""Which settings a search varies, and how far: read from YAML, and checked before the first trial."""

import dataclasses
import itertools
import types
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from seqtag.config import Config, ModelConfig, TrainingConfig, is_of
from seqtag.errors import InputError
from seqtag.settings_file import flatten, nearest, parse_value, read_yaml


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    log: bool = False
    """Every order of magnitude is as likely as another."""
    step: float | None = None
    """Null: every number; every whole one, of a setting that is a whole number."""

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {
            name: value for name, value in dataclasses.asdict(self).items() if value is not None and value is not False
        }

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that a check has to look at."""
        return (self.low, self.high)


@dataclass(frozen=True)
class Choices:
    """One of several values, without an order."""

    choices: tuple[Any, ...]

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {"choices": list(self.choices)}

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that a check has to look at: all."""
        return self.choices


Space = dict[str, Range | Choices]
"""By the whole name of the setting, `model.dropout`, in the order of the file."""

_TYPES: dict[str, Any] = {
    f"{section}.{key}": kind
    for section, settings in (("model", ModelConfig), ("training", TrainingConfig))
    for key, kind in get_type_hints(settings).items()
}
_SAME_MODEL = "what is learned does not depend on it"
_REFUSED = {
    "task": "scores of other tasks cannot be compared",
    "training.seed": "that would choose by luck; the best settings are to be confirmed with other seeds",
    "training.epochs": "trials are compared epoch by epoch and need the same; set it for all with --training.epochs",
    "training.deterministic": _SAME_MODEL,
    "training.checkpoint_steps": _SAME_MODEL,
    "training.tensorboard": _SAME_MODEL,
    "training.bootstrap_samples": _SAME_MODEL,
    "model.backend": _SAME_MODEL,
}
_FORM = "give it {low: …, high: …}, with log: true or step: … if wanted, or {choices: […]}"


def read_space(path: Path, config: Config) -> Space:
    """The search space in a file, every value and end of a range checked in the configuration it starts from.

    Raises InputError that names file and setting.
    """
    values = read_yaml(path, "--space")
    if not isinstance(values, dict) or not values:
        raise InputError(f"--space {path}: must hold settings, such as model.dropout: {{low: 0.2, high: 0.7}}")
    space: Space = {}
    for name, written in flatten(values).items():
        place = f"--space {path}: {name}"
        _check_name(str(name), path)
        if name in values and str(name).partition(".")[2] in (values.get(str(name).partition(".")[0]) or {}):
            raise InputError(f"{place} is there twice")
        if not isinstance(written, dict):
            raise InputError(f"{place}: {_FORM}")
        space[name] = _choices(written, name, place) if "choices" in written else _range(written, name, place)
    try:
        for _ in outermost(space, config):
            pass
    except InputError as error:
        raise InputError(f"--space {path}: {error}") from error
    return space


def configured(config: Config, settings: dict[str, Any]) -> Config:
    """The configuration with these settings. Raises InputError where they contradict it or each other."""
    for section in ("model", "training"):
        prefix = f"{section}."
        own = {name.removeprefix(prefix): value for name, value in settings.items() if name.startswith(prefix)}
        config = dataclasses.replace(config, **{section: dataclasses.replace(getattr(config, section), **own)})
    return config


def outermost(space: Space, config: Config) -> Iterator[Config]:
    """The configuration with every choice and end of a range, and with every two of two settings.

    What a configuration forbids, it forbids for large or small values of one setting, or of one beside another.
    Raises InputError for the first that cannot be.
    """
    for name, values in space.items():
        yield from (configured(config, {name: value}) for value in values.ends)
    for (name, values), (other, others) in itertools.combinations(space.items(), 2):
        yield from (configured(config, {name: a, other: b}) for a in values.ends for b in others.ends)


def _check_name(name: str, path: Path) -> None:
    place = f"--space {path}: {name}"
    if reason := _REFUSED.get(name):
        raise InputError(f"{place} cannot be searched: {reason}")
    if name == "data" or name.startswith("data."):
        raise InputError(f"{place} cannot be searched: scores on other data cannot be compared")
    if name not in _TYPES:
        known = [setting for setting in _TYPES if setting not in _REFUSED]
        raise InputError(f"--space {path}: unknown setting {name}{nearest(name, known)}")


def _choices(written: dict[str, Any], name: str, place: str) -> Choices:
    if set(written) != {"choices"} or not isinstance(written["choices"], list):
        raise InputError(f"{place}: {_FORM}")
    values = [_value(value, name, place) for value in written["choices"]]
    if any(value in values[:position] for position, value in enumerate(values)) or len(values) < 2:
        raise InputError(f"{place}: choices must be two or more, each once")
    if name == "model.word_vectors":
        for value in values:
            if value is not None and not Path(value).is_file():
                raise InputError(f"{place}: {value}: there is no such file")
    return Choices(tuple(values))


def _range(written: dict[str, Any], name: str, place: str) -> Range:
    number = _number(_TYPES[name])
    if number is None:
        raise InputError(f"{place} is no number; give it {{choices: […]}}")
    if not {"low", "high"} <= set(written) <= {"low", "high", "log", "step"}:
        raise InputError(f"{place}: {_FORM}")
    numbers = {
        key: _value(written[key], name, f"{place}: {key}", number) for key in ("low", "high", "step") if key in written
    }
    low, high, step = numbers["low"], numbers["high"], numbers.get("step")
    log = _parsed(str(written.get("log", "false")))
    if not isinstance(log, bool):
        raise InputError(f"{place}: log must be true or false, not {written['log']}")
    if not low < high:
        raise InputError(f"{place}: low must be less than high, and {low} is not less than {high}")
    if log and (step is not None or low <= 0):
        raise InputError(f"{place}: log goes without step, and with a low greater than 0")
    if step is not None and not (step > 0 and (Decimal(str(high)) - Decimal(str(low))) % Decimal(str(step)) == 0):
        raise InputError(f"{place}: a whole number of steps must lead from low to high, and {step} does not divide it")
    return Range(low, high, log, step)


def _value(written: Any, name: str, place: str, kind: Any = None) -> Any:
    """What is written, as the type of its setting (of `kind` where that is given). Raises InputError."""
    kind = kind or _TYPES[name]
    readings = [written]
    if isinstance(written, str):
        readings.append(_parsed(written))
    elif isinstance(written, list):
        readings.append([_parsed(entry) if isinstance(entry, str) else entry for entry in written])
    for value in readings:
        if is_of(value, kind):
            return float(value) if _number(kind) is float and isinstance(value, int) else value
    expected = getattr(kind, "__name__", str(kind)) if isinstance(kind, type) else str(kind).replace("None", "null")
    expected = expected.removeprefix("typing.").replace("Literal", "one of ")
    raise InputError(f"{place}: expected {expected}, not {written}")


def _parsed(text: str) -> Any:
    try:
        return parse_value(text)
    except ValueError:  # begins as a list does, and is none
        return text


def _number(kind: Any) -> type | None:
    """The kind of number that a setting holds; None where it holds none."""
    parts = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    return next((part for part in (int, float) if part in parts), None)
