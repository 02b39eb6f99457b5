"""Columns, one token a line (CoNLL and its many relatives).

- Columns are separated by TAB where the first token line has one, else by spaces; `data.delimiter` settles it.
- A line of white space ends a sentence; the last sentence needs none.
- A line with `-DOCSTART-` for a token, or the comment `# newdoc`, begins a document. Documents are numbered in the order
  of the file unless `# newdoc id = …` names them.
- Comments stand before a sentence: `# name = value`, or `#`, a space and text of another number of columns than tokens
  have. A token that begins with `#` and has its columns is a token.
- Columns beside token and tag are carried along as `column_0`, `column_1`, …
"""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from seqtag.config import DataConfig
from seqtag.data.example import Example, Ledger
from seqtag.data.files import find_file, read_lines
from seqtag.errors import InputError

DOCUMENT_START = "-DOCSTART-"
EXTENSIONS = (".txt", ".conll", ".iob2", ".iob", ".bio", ".tsv")

_NEW_DOCUMENT = re.compile(r"#\s*newdoc\b(?:\s+id)?(?:\s*=\s*(.*))?")
_SENTENCE_ID = re.compile(r"#\s*sent_id\s*=\s*(.*)")
_NAMED = re.compile(r"#\s*[\w.:-]+(?:\s+id)?\s*=\s")


class ConllReader:
    """Files of columns in the folder `data.path`."""

    def __init__(self, config: DataConfig) -> None:
        self.config = config

    def source(self, name: str) -> str:
        """The path of the file."""
        return str(self._path(name))

    def examples(self, name: str, ledger: Ledger) -> Iterator[Example]:
        """Its sentences. Raises InputError that names file and line."""
        path = self._path(name)
        lines = read_lines(path)
        head, layout = self._layout(lines, path)
        example: Example | None = None
        document: str | None = None
        sentence_id: str | None = None
        documents = 0
        for number, line in chain(head, lines):
            if not line.strip():
                if example:
                    yield example
                example = None
                continue
            fields = layout.split(line)
            if example is None and layout.is_comment(line, fields):
                if named := _NEW_DOCUMENT.match(line):
                    documents += 1
                    document = (named[1] or "").strip() or str(documents)
                elif named := _SENTENCE_ID.match(line):
                    sentence_id = named[1].strip()
                continue
            if DOCUMENT_START in (fields[0], fields[min(layout.token, len(fields) - 1)]):
                documents += 1
                document = str(documents)
                continue
            if len(fields) != layout.width:
                raise InputError(
                    f"{path}:{number}: {len(fields)} columns where the lines before have {layout.width}; "
                    "mend the line, or set data.delimiter"
                )
            if not fields[layout.token].strip():
                raise InputError(f"{path}:{number}: the token is empty; mend the line, or set data.token_column")
            if example is None:
                extra = {"sentence_id": sentence_id, **{f"column_{index}": [] for index in layout.others}}
                example = Example([], [], f"{path}:{number}", document, extra=extra)
                sentence_id = None
            example.tokens.append(fields[layout.token])
            assert example.tags is not None
            example.tags.append(fields[layout.tag])
            for index in layout.others:
                example.extra[f"column_{index}"].append(fields[index])
        if example:
            yield example

    def _path(self, name: str) -> Path:
        assert self.config.path is not None
        return find_file(self.config.path, name, EXTENSIONS, "data.train, data.validation and data.test name files:")

    def _layout(self, lines: Iterator[tuple[int, str]], path: Path) -> tuple[list[tuple[int, str]], "Layout"]:
        """The lines up to the first token, and how it is laid out."""
        head = []
        for number, line in lines:
            head.append((number, line))
            if not line.strip() or _NAMED.match(line) or _NEW_DOCUMENT.match(line) or line.startswith("# "):
                continue
            uses_tab = "\t" in line if self.config.delimiter == "auto" else self.config.delimiter == "tab"
            width = len(_split(line, uses_tab))
            if width == 1:
                raise InputError(
                    f"{path}:{number}: one column only; a token and its tag are needed (data.delimiter is "
                    f"{self.config.delimiter})"
                )
            token = _column(self.config.token_column, 0, "data.token_column", width, f"{path}:{number}")
            tag = _column(self.config.tag_column, -1, "data.tag_column", width, f"{path}:{number}")
            return head, Layout(uses_tab, width, token, tag)
        return head, Layout(False, 2, 0, 1)


class Layout:
    """Separator, number of columns, and which are token and tag."""

    def __init__(self, uses_tab: bool, width: int, token: int, tag: int) -> None:
        self.uses_tab = uses_tab
        self.width = width
        self.token = token
        self.tag = tag
        self.others = [index for index in range(width) if index not in (token, tag)]

    def split(self, line: str) -> list[str]:
        """The columns of a line."""
        return _split(line, self.uses_tab)

    def is_comment(self, line: str, fields: list[str]) -> bool:
        """Whether a line before a sentence is a comment."""
        if line[0] != "#":
            return False
        if self.uses_tab and "\t" not in line:
            return line == "#" or line[1] in " \t" or _NAMED.match(line) is not None or "newdoc" in line
        return bool(_NAMED.match(line)) or (line[1:2] in ("", " ") and len(fields) != self.width)


def _split(line: str, uses_tab: bool) -> list[str]:
    # Not str.split(): a token may be, or hold, white space of other kinds.
    fields = line.split("\t" if uses_tab else " ")
    return fields if uses_tab or "" not in fields else [field for field in fields if field]


def _column(setting: str | int | None, default: int, name: str, width: int, place: str) -> int:
    try:
        column = default if setting is None else int(setting)
    except ValueError as error:
        raise InputError(f"{name} is {setting!r}: for data.format conll it is a number, counted from 0") from error
    if not -width <= column < width:
        raise InputError(f"{place}: {name} is {column}, but the line has {width} columns, counted from 0")
    return column % width
