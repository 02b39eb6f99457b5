"""Configuration files and flags, by jsonargparse."""

import argparse
import dataclasses
import json
import re
import sys
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from jsonargparse import ArgumentParser, DefaultHelpFormatter, Namespace, set_loader, set_parsing_settings

from seqtag.config import Config
from seqtag.errors import InputError
from seqtag.settings_file import SECTIONS, flatten, nearest, parse_list, parse_value, read_settings

_SHORT = {"--seed": "--training.seed"}
_TASKS: tuple[str, ...] = get_args(get_type_hints(Config)["task"])
_TYPES: dict[str, Any] = {
    f"{section}.{key}": kind for section, settings in SECTIONS.items() for key, kind in get_type_hints(settings).items()
}


class _HelpFormatter(DefaultHelpFormatter):
    """Adds to a flag's help what its default is, unless the help says so."""

    def _get_help_string(self, action: argparse.Action) -> str:
        return action.help if action.help and "default:" in action.help else super()._get_help_string(action)


def make_parser(prog: str, description: str, sections: tuple[str, ...] = tuple(SECTIONS)) -> ArgumentParser:
    """A parser of the settings of `sections`; commands add their own flags."""
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    set_loader("seqtag", parse_value, (ValueError,))
    parser = ArgumentParser(
        prog=prog,
        description=description,
        exit_on_error=False,
        allow_abbrev=False,
        parser_mode="seqtag",
        formatter_class=_HelpFormatter,
    )
    if sections:
        parser.add_argument("--config", metavar="FILE", help="YAML file of settings; flags beat it")
    if "training" in sections:
        parser.add_argument(
            "--task", metavar="TASK", help=f"one of {', '.join(_TASKS)} (spans; a label for a text; both)"
        )
        parser.add_argument("--seed", metavar="N", help="short for --training.seed")
    for name in sections:
        parser.add_class_arguments(SECTIONS[name], name)
    for action in parser._actions:
        if action.dest in SECTIONS:  # a file for one section: one way to name a file is enough
            action.help = argparse.SUPPRESS
    return parser


def parse_config(
    parser: ArgumentParser, argv: list[str] | None, base: Config | None = None
) -> tuple[Config, Namespace, list[str]]:
    """Read flags, and the file that `--config` names, onto `base` (the defaults where None).

    Returns the configuration, all flags, and the names of the settings that were given. Flags beat the file wherever
    they stand. Raises InputError in one sentence for anything that is wrong.
    """
    base = base or Config()
    task, flags, given = _parse(parser, argv, base)
    values = flags.as_dict()
    built = {name: SECTIONS[name](**values[name]) for name in _sections(parser)}
    return dataclasses.replace(base, task=task, **built), flags, given


def parse_flags(parser: ArgumentParser, argv: list[str] | None) -> Namespace:
    """The flags alone, each checked for itself: for a command that finds in one of them what the settings start from.

    Raises InputError as `parse_config` does.
    """
    return _parse(parser, argv, Config())[1]


def _parse(parser: ArgumentParser, argv: list[str] | None, base: Config) -> tuple[str, Namespace, list[str]]:
    """The task, all flags with the settings among them, and the names of the settings that were given."""
    file, argv = _take_config(_expand(sys.argv[1:] if argv is None else argv))
    settings = flatten(base.to_dict())
    given: list[str] = []
    if file is not None:
        from_file = read_settings(file)
        _refuse_unknown(from_file, settings, file)
        for name, value in from_file.items():
            _refuse_null(name, value, f"--config {file}: ")
        settings |= from_file
        given += from_file
    shown = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    known = {option[2:] for action in shown for option in action.option_strings if option.startswith("--")}
    _refuse_unknown_flags(argv, known)
    nested = {name: _section(settings, name) for name in _sections(parser)}
    source = f"--config {file}"
    try:
        start = parser.parse_object(nested)
        source = "flags"
        flags = parser.parse_args(argv, namespace=start)
    except Exception as error:  # jsonargparse's own kinds, all about what was given
        raise InputError(f"{source}: {_one_line(error)}") from error
    flags.config = file
    given += [name for argument in argv if (name := argument[2:].partition("=")[0]) in known]
    task = flags.get("task") or settings["task"]
    if task not in _TASKS:
        raise InputError(f"task must be {' or '.join(_TASKS)}, not {task!r}")
    return task, flags, given


def _sections(parser: ArgumentParser) -> list[str]:
    return [name for name in SECTIONS if any(action.dest.startswith(f"{name}.") for action in parser._actions)]


def _section(settings: dict[str, Any], section: str) -> dict[str, Any]:
    prefix = f"{section}."
    return {name.removeprefix(prefix): value for name, value in settings.items() if name.startswith(prefix)}


def report_file(name: str | None) -> Path | None:
    """The file that `--report` names, or None. Raises InputError where it could not be written."""
    if name is None:
        return None
    file = Path(name)
    if file.suffix not in (".json", ".txt"):
        raise InputError(f"--report {file}: name a .json or a .txt file")
    if not file.parent.is_dir():
        raise InputError(f"--report {file}: there is no folder {file.parent}")
    if file.is_dir():
        raise InputError(f"--report {file}: is a folder, not a file")
    return file


def load_config(path: Path) -> Config:
    """The configuration in a file, defaults for what it leaves out. Raises InputError."""
    return parse_config(make_parser("seqtag", ""), ["--config", str(path)])[0]


def _expand(argv: list[str]) -> list[str]:
    """Flags under their whole names; lists as JSON, since YAML 1.1 would read the `no` of `[O, no]` as false."""
    expanded, rest = [], iter(argv)
    for argument in rest:
        name, equals, value = argument.partition("=")
        name = _SHORT.get(name, name)
        kind = _TYPES.get(name.removeprefix("--"))
        expanded.append(name + equals + value)
        if kind is None:
            continue
        if not equals:
            following = next(rest, None)
            if following is None:
                break
            value = following
        _refuse_null(name, None if value == "null" else value)
        if value != "null" and any(get_origin(part) is list for part in (kind, *get_args(kind))):
            value = json.dumps(parse_list(value))
        expanded[-1:] = [f"{name}={value}"] if equals else [name, value]
    return expanded


def _refuse_null(name: str, value: Any, source: str = "") -> None:
    """Raise InputError for a null that the setting cannot be."""
    kind = _TYPES.get(name.removeprefix("--"))
    if value is None and kind is not None and type(None) not in get_args(kind):
        raise InputError(f"{source}{name} cannot be null")


def _take_config(argv: list[str]) -> tuple[Path | None, list[str]]:
    """The file of `--config`, and the other arguments."""
    files, rest, arguments = [], [], iter(argv)
    for argument in arguments:
        if argument == "--config":
            value = next(arguments, None)
            if value is None:
                raise InputError("--config: name a YAML file after it")
            files.append(Path(value))
        elif argument.startswith("--config="):
            files.append(Path(argument.partition("=")[2]))
        else:
            rest.append(argument)
    if len(files) > 1:
        raise InputError(f"--config: names {files[0]} and {files[1]}; give one file, and other settings as flags")
    return next(iter(files), None), rest


def _refuse_unknown(found: dict[str, Any], known: dict[str, Any], file: Path) -> None:
    for name in found:
        if name not in known:
            raise InputError(f"--config {file}: unknown setting {name}{nearest(str(name), known)}")


def _refuse_unknown_flags(argv: list[str], known: set[str]) -> None:
    for argument in argv:
        name = argument.partition("=")[0]
        if name.startswith("--") and name[2:] not in known:
            raise InputError(f"unknown flag {name}{nearest(name[2:], known, '--')}")


_PLAIN_WORDS = (
    (r"<class '(\w+)'>", r"\1"),
    (r"(?:typing\.)?Literal\[([^\]]*)\]", r"one of \1"),
    ("NoneType", "null"),
    ("Expected an? ", "expected "),
    ("Got value: None$", "Got value: null"),
)


def _one_line(error: Exception) -> str:
    """What jsonargparse says, without its layout and its Python names."""
    text = " ".join(str(error).split())
    found = re.search(r'[Kk]ey "([^"]+)": ?(.*)', text)
    if not found:
        return text
    name, reason = found.groups()
    union = re.search(r"Subtypes: \[(.*)\] Errors: .*Given value: (.*)$", reason)
    if union:
        reason = f"expected one of {union[1]}. Got value: {union[2]}"
    for pattern, plain in _PLAIN_WORDS:
        reason = re.sub(pattern, plain, reason)
    return f"{name}: {reason}"
