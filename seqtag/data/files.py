"""Text files: found by name, read line by line and never decoded by guesswork; written whole or not at all."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from seqtag.errors import InputError

_SETTINGS = "data.train, data.validation and data.test name files"


def find_file(folder: str, name: str, extensions: tuple[str, ...]) -> Path:
    """The file `name` in `folder`, its extension left out or not. Raises InputError."""
    root = Path(folder)
    if root.is_file():
        raise InputError(f"data.path {root}: is a file; name its folder there, and the file itself as data.train")
    if not root.is_dir():
        raise InputError(f"data.path {root}: there is no such folder")
    exact = root / name
    if exact.is_file():
        return exact
    found = [path for extension in extensions if (path := root / f"{name}{extension}").is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{exact}: {', '.join(path.name for path in found)} all fit; name one in full ({_SETTINGS})")
    present = ", ".join(sorted(path.name for path in root.iterdir() if path.is_file())[:8]) or "no files"
    raise InputError(f"{exact}: there is no such file; the folder holds {present} ({_SETTINGS})")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers from 1, as `decode_line` gives them.

    Raises InputError that names file and line where the bytes are not UTF-8.
    """
    try:
        with open(path, "rb") as file:
            for number, raw in enumerate(file, 1):
                try:
                    line = decode_line(raw, number)
                except UnicodeDecodeError as error:
                    raise InputError(f"{path}:{number}: not UTF-8 text; convert the file to UTF-8 first") from error
                yield number, line
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def decode_line(raw: bytes, number: int) -> str:
    """A line without its end, the first (`number` 1) without a byte order mark. Raises UnicodeDecodeError.

    Only LF, with or without CR, ends a line: tokens may hold the rarer separators.
    """
    line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
    return line[:-2] if line.endswith("\r\n") else line.removesuffix("\n")


def parse_json(text: str) -> Any:
    """The value of a line of JSON. Raises ValueError with a sentence for what is not one, or would lose a value."""
    try:
        return json.loads(text, object_pairs_hook=_object_of)
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON ({error}); a record must stand on one line") from error
    except RecursionError as error:
        raise ValueError("not valid JSON, being too deep; a record must stand on one line") from error


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"has {json.dumps(twice)} twice in one object, of which only one would count; remove one")
    return found


def write_whole(path: Path, parts: Iterable[str]) -> None:
    """Write text so that the file is never seen half-written, and a failure leaves what was there before."""
    staging = path.with_name(f".{path.name}.tmp")
    try:
        with open(staging, "w", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
            file.writelines(parts)
        os.replace(staging, path)
    finally:
        staging.unlink(missing_ok=True)


def as_text(value: Any) -> str | None:
    """A value that is carried along, in a column of strings: what is none, as JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
