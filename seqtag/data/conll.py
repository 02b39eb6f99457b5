"""Columns, one token a line (CoNLL and its many relatives).

- Columns are separated by TAB where the first token line has one, else by spaces; `data.delimiter` settles it.
- A line of white space ends a sentence; the last sentence needs none.
- A line with `-DOCSTART-` for a token, or the comment `# newdoc`, begins a document. Documents are numbered in the
  order of the file unless `# newdoc id = …` names them. `# sent_id = …` is carried along as `sentence_id`.
- Comments stand before a sentence. With TAB, a line `# …` or `#name = …` is one unless it has the columns of a token;
  with spaces, `# name = …` always is, and `# …` unless it has the columns of a token. Any other `#` begins a token, as
  all do within a sentence.
- Columns beside token and tag are carried along as `column_0`, `column_1`, …
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from seqtag.config import DataConfig
from seqtag.data.columns import DOCUMENT_START, NEW_DOCUMENT, SENTENCE_ID, Layout, may_be_no_token, split_columns
from seqtag.data.example import Example, Ledger
from seqtag.data.files import find_file, read_lines
from seqtag.errors import InputError

EXTENSIONS = (".txt", ".conll", ".iob2", ".iob", ".bio", ".tsv")


class ConllReader:
    """Files of columns in the folder `data.path`."""

    def __init__(self, config: DataConfig) -> None:
        self.config = config

    def source(self, name: str) -> str:
        """The path of the file."""
        return str(self._path(name))

    def tags(self, name: str) -> Iterator[list[str]]:
        """The tags of its sentences."""
        for example in self.examples(name, Ledger(name, strict=False)):
            assert example.tags is not None
            yield example.tags

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
            is_blank = not line.strip()
            fields = layout.split(line)
            starts_document = DOCUMENT_START in line and layout.starts_document(fields)
            if example and (is_blank or starts_document):
                yield example
                example = None
            if is_blank:
                continue
            if starts_document:
                documents += 1
                document = str(documents)
                continue
            if example is None and line[0] == "#" and layout.is_comment(line, fields):
                if named := NEW_DOCUMENT.match(line):
                    documents += 1
                    document = (named[1] or "").strip() or str(documents)
                elif named := SENTENCE_ID.match(line):
                    sentence_id = named[1].strip()
                continue
            if len(fields) != layout.width:
                raise InputError(
                    f"{path}:{number}: {len(fields)} columns where the lines before have {layout.width}; mend it, "
                    "or set data.delimiter"
                )
            if not fields[layout.token]:
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
        return find_file(self.config.path, name, EXTENSIONS)

    def _layout(self, lines: Iterator[tuple[int, str]], path: Path) -> tuple[list[tuple[int, str]], Layout]:
        """The lines up to the first token, and how it is laid out."""
        head = []
        for number, line in lines:
            head.append((number, line))
            if may_be_no_token(line):
                continue
            uses_tab = "\t" in line if self.config.delimiter == "auto" else self.config.delimiter == "tab"
            width = len(split_columns(line, uses_tab))
            if width == 1:
                raise InputError(
                    f"{path}:{number}: one column only; a token and its tag are needed (data.delimiter is "
                    f"{self.config.delimiter})"
                )
            token = _column(self.config.token_column, 0, "data.token_column", width, f"{path}:{number}")
            tag = _column(self.config.tag_column, -1, "data.tag_column", width, f"{path}:{number}")
            return head, Layout(uses_tab, width, token, tag)
        return head, Layout(False, 2, 0, 1)


def _column(setting: str | int | None, default: int, name: str, width: int, place: str) -> int:
    try:
        column = default if setting is None else int(setting)
    except ValueError as error:
        raise InputError(f"{name} is {setting!r}: for data.format conll it is a number, counted from 0") from error
    if not -width <= column < width:
        raise InputError(f"{place}: {name} is {column}, but the line has {width} columns, counted from 0")
    return column % width
