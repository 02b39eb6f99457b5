"""Configuration files and flags, by jsonargparse, and the exit codes of every command.

Exit codes: 0 done; 2 what the user gave is wrong; 1 anything else; 130 and 143 after SIGINT and SIGTERM. Whatever goes
wrong is one line on stderr; set SEQTAG_TRACEBACK to see where it came from.
"""

import dataclasses
import difflib
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import yaml
from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

from seqtag.config import Config, DataConfig, ModelConfig, TrainingConfig
from seqtag.errors import InputError

SECTIONS = {"data": DataConfig, "model": ModelConfig, "training": TrainingConfig}
_FLOAT, _BOOL = "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool"
_SHORT = {"--seed": "--training.seed"}


def make_parser(prog: str, description: str, sections: tuple[str, ...] = tuple(SECTIONS)) -> ArgumentParser:
    """A parser of the settings of `sections`; commands add their own flags."""
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(prog=prog, description=description, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--config", metavar="FILE", help="YAML file of settings; flags beat it")
    if "training" in sections:
        parser.add_argument("--task", choices=["ner"], help="ner: spans, slots included")
        parser.add_argument("--seed", metavar="N", help="short for --training.seed")
    for name in sections:
        parser.add_class_arguments(SECTIONS[name], name)
    return parser


def parse_config(
    parser: ArgumentParser, argv: list[str] | None, base: Config | None = None
) -> tuple[Config, Namespace, list[str]]:
    """Read flags, and the file that `--config` names, onto `base` (the defaults where None).

    Returns the configuration, all flags, and the names of the settings that were given. Flags beat the file wherever
    they stand. Raises InputError in one sentence for anything that is wrong.
    """
    argv = [_expand(argument) for argument in (sys.argv[1:] if argv is None else argv)]
    file, argv = _take_config(argv)
    base = base or Config()
    settings = _flatten(base.to_dict())
    given: list[str] = []
    if file is not None:
        from_file = _flatten(_read_yaml(file))
        _refuse_unknown(from_file, settings, file)
        settings |= from_file
        given += from_file
    known = {action.dest for action in parser._actions}
    sections = [name for name in SECTIONS if any(dest.startswith(f"{name}.") for dest in known)]
    _refuse_unknown_flags(argv, known)
    nested = {name: _section(settings, name) for name in sections}
    try:
        source = f"--config {file}"
        start = parser.parse_object(nested)
        source = "flags"
        flags = parser.parse_args(argv, namespace=start)
    except Exception as error:  # jsonargparse's own kinds, all about what was given
        raise InputError(f"{source}: {_one_line(error)}") from error
    flags.config = file
    given += [name for argument in argv if (name := argument[2:].partition("=")[0]) in known]
    if settings["task"] != "ner":
        raise InputError(f"task must be ner, not {settings['task']!r}")
    values = flags.as_dict()
    built = {name: SECTIONS[name](**values[name]) for name in sections}
    return dataclasses.replace(base, task=settings["task"], **built), flags, given


def _section(settings: dict[str, Any], section: str) -> dict[str, Any]:
    prefix = f"{section}."
    return {name.removeprefix(prefix): value for name, value in settings.items() if name.startswith(prefix)}


def load_config(path: Path) -> Config:
    """The configuration in a file, defaults for what it leaves out. Raises InputError."""
    return parse_config(make_parser("seqtag", ""), ["--config", str(path)])[0]


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command and leave with its exit code."""
    signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        code = main()
        sys.stdout.flush()
    except InputError as error:
        code = _complain(error, 2)
    except KeyboardInterrupt:
        code = _complain("interrupted", 130)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except BaseException as error:
        own = getattr(error, "exit_code", None)
        code = _complain(error, own) if own is not None else _complain(f"{type(error).__name__}: {error}", 1)
    sys.exit(code)


class Terminated(BaseException):
    """SIGTERM came while nothing was there to finish first."""

    exit_code = 143


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    raise Terminated("terminated")


def _complain(error: object, code: int) -> int:
    if os.environ.get("SEQTAG_TRACEBACK") and isinstance(sys.exc_info()[1], BaseException):
        sys.excepthook(*sys.exc_info())
    print(f"seqtag: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def _expand(argument: str) -> str:
    name, equals, value = argument.partition("=")
    return _SHORT.get(name, name) + equals + value


def _take_config(argv: list[str]) -> tuple[Path | None, list[str]]:
    """The file of `--config`, and the other arguments."""
    file, rest, arguments = None, [], iter(argv)
    for argument in arguments:
        if argument == "--config":
            value = next(arguments, None)
            if value is None:
                raise InputError("--config: name a YAML file after it")
            file = Path(value)
        elif argument.startswith("--config="):
            file = Path(argument.partition("=")[2])
        else:
            rest.append(argument)
    return file, rest


class _Loader(yaml.SafeLoader):
    """YAML 1.2's numbers: `1e-3` is one, and only true and false are truth values."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:float", "tag:yaml.org,2002:bool")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|false|True|False)$"), list("tTfF"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"^[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?$"),
    list("-+.0123456789"),
)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except UnicodeDecodeError as error:
        raise InputError(f"--config {path}: not UTF-8 text") from error
    except OSError as error:
        raise InputError(f"--config {path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise InputError(f"--config {path}: not valid YAML: {' '.join(str(error).split())}") from error
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise InputError(f"--config {path}: must hold the sections data, model and training")
    for name in SECTIONS:
        if name in values and not isinstance(values[name], dict):
            raise InputError(f"--config {path}: section {name} must hold settings, one a line")
    return values


def _flatten(values: dict[str, Any]) -> dict[str, Any]:
    """`{"data": {"path": x}}` -> `{"data.path": x}`."""
    flat = {}
    for name, value in values.items():
        if isinstance(value, dict) and name in SECTIONS:
            flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat


def _refuse_unknown(found: dict[str, Any], known: dict[str, Any], file: Path) -> None:
    for name in found:
        if name not in known:
            raise InputError(f"--config {file}: unknown setting {name}{_nearest(str(name), known)}")


def _refuse_unknown_flags(argv: list[str], known: set[str]) -> None:
    for argument in argv:
        name = argument.partition("=")[0]
        if name.startswith("--") and name[2:].replace("-", "_") not in known and name[2:] not in known:
            raise InputError(f"unknown flag {name}{_nearest(name[2:], known, '--')}")


def _nearest(name: str, known: Any, prefix: str = "") -> str:
    names = [str(entry) for entry in known if entry not in SECTIONS]
    near = difflib.get_close_matches(name, names, 1, 0.6) or [
        entry for entry in names if entry.rpartition(".")[2] == name.rpartition(".")[2]
    ]
    return f"; did you mean {prefix}{near[0]}?" if near else "; --help lists all settings"


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    found = re.search(r'[Kk]ey "([^"]+)": ?(.*)', text)
    if not found:
        return text
    name, reason = found.groups()
    reason = re.sub(r"<class '(\w+)'>", r"\1", reason).replace("typing.", "").replace("Expected a ", "expected ")
    wanted = re.search(r"Subtypes: \[([^\]]*)\].*Given value: (.*)$", reason)
    if wanted:
        reason = f"expected one of {wanted[1].replace('NoneType', 'null')}. Got value: {wanted[2]}"
    return f"{name}: {reason}"
