"""Readers of `seqtag tag`: lines of text, JSON lines, CoNLL columns and Parquet, from a file or standard input.

Nothing is decoded by guesswork and nothing passed over in silence: what cannot be read comes out as a BadRecord.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from seqtag.data.conll import DOCUMENT_START, Layout
from seqtag.errors import InputError
from seqtag.streams.record import BadRecord, Reader, Record

FORMATS = {
    "text": (".txt", ".text"),
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "conll": (".conll", ".iob", ".iob2", ".bio", ".tsv"),
    "parquet": (".parquet",),
}
"""Formats and the extensions they are known by; anything else is text."""
_ROWS = 1000
"""Rows of Parquet read at a time."""


def open_reader(
    name: str, kind: str | None, whole: bool, text_column: str | None, token_column: str | None
) -> tuple[Reader, int | None]:
    """The reader of a file, or of standard input where `name` is `-`, and the file's size in bytes where known.

    Args:
        name: path, or `-`.
        kind: one of FORMATS; None goes by the extension.
        whole: the whole input is one text; for `text` only.
        text_column: field of the text (jsonl, parquet); None means `text`.
        token_column: field of the tokens, `tokens` where None; for conll the number of their column, 0 where None.

    Raises InputError where there is no such file, or the settings do not fit the format.
    """
    path = None if name == "-" else Path(name)
    if kind is None:
        kind = next((known for known, ends in FORMATS.items() if path and path.suffix.lower() in ends), "text")
    if path and not path.is_file():
        raise InputError(f"--input {path}: there is no such file")
    if whole and kind != "text":
        raise InputError(f"--whole: makes one text of a file of text, which {name} is not (--format {kind})")
    if text_column is not None and kind not in ("jsonl", "parquet"):
        raise InputError(f"--text-column: {kind} has no named columns")
    if kind == "parquet":
        if path is None:
            raise InputError("--format parquet: cannot come from standard input; name a file with --input")
        return ParquetReader(path, text_column, token_column), None
    file = sys.stdin.buffer if path is None else open(path, "rb")  # noqa: SIM115 - read until the process ends
    source = "<stdin>" if path is None else str(path)
    size = path.stat().st_size if path else None
    if kind == "jsonl":
        return JsonlReader(file, source, text_column, token_column), size
    if kind == "conll":
        return ConllReader(file, source, token_column), size
    if token_column is not None:
        raise InputError("--token-column: text has no columns; see --format")
    return TextReader(file, source, whole), size


class _Lines:
    """Lines as bytes, counted."""

    def __init__(self, file: BinaryIO, source: str) -> None:
        self.file = file
        self.source = source
        self._read = 0

    def bytes_read(self) -> int | None:
        """How far it is."""
        return self._read

    def lines(self) -> Iterator[tuple[str, str | BadRecord]]:
        """Each line with its place, without its end; only LF, with or without CR, ends one."""
        for number, raw in enumerate(self.file, 1):
            self._read += len(raw)
            place = f"{self.source}:{number}"
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                yield place, BadRecord(f"{place}: not UTF-8 text; convert the file to UTF-8 first")
                continue
            yield place, line.removesuffix("\n").removesuffix("\r")


class TextReader(_Lines):
    """A text a line, empty ones included; or the whole input as one."""

    def __init__(self, file: BinaryIO, source: str, whole: bool) -> None:
        super().__init__(file, source)
        self.whole = whole

    def __iter__(self) -> Iterator[Record | BadRecord]:
        if self.whole:
            raw = self.file.read()
            self._read = len(raw)
            try:
                yield Record(self.source, raw.decode("utf-8-sig"))
            except UnicodeDecodeError as error:
                line = raw.count(b"\n", 0, error.start) + 1
                yield BadRecord(f"{self.source}:{line}: not UTF-8 text; convert the file to UTF-8 first")
            return
        for place, line in self.lines():
            yield line if isinstance(line, BadRecord) else Record(place, line)


class JsonlReader(_Lines):
    """A JSON object a line, with a text or with tokens; blank lines are passed over."""

    def __init__(self, file: BinaryIO, source: str, text_column: str | None, token_column: str | None) -> None:
        super().__init__(file, source)
        self.columns = (text_column, token_column)

    def __iter__(self) -> Iterator[Record | BadRecord]:
        for place, line in self.lines():
            if isinstance(line, BadRecord):
                yield line
            elif line.strip():
                try:
                    values = json.loads(line)
                except (ValueError, RecursionError) as error:
                    yield BadRecord(f"{place}: not valid JSON ({error}); a record must stand on one line")
                    continue
                if isinstance(values, dict):
                    yield _from_fields(place, values, *self.columns)
                else:
                    yield BadRecord(f"{place}: not a JSON object; each record must be one")


class ConllReader(_Lines):
    """Columns, one token a line, a blank line between sentences, laid out as `seqtag.data.conll` says.

    One column of tokens is enough. Comments and `-DOCSTART-` lines come with the sentence after them.
    """

    def __init__(self, file: BinaryIO, source: str, token_column: str | None) -> None:
        super().__init__(file, source)
        try:
            self.token_column = 0 if token_column is None else int(token_column)
        except ValueError as error:
            raise InputError(f"--token-column {token_column}: for conll it is a number, counted from 0") from error

    def __iter__(self) -> Iterator[Record | BadRecord]:
        layout: Layout | None = None
        first, before, lines, tokens = "", [], [], []
        bad: BadRecord | None = None
        for place, line in self.lines():
            if isinstance(line, BadRecord):
                bad = bad or line
                continue
            if not line.strip():
                if tokens or bad:
                    yield bad or Record(first, tokens, _columns(lines, layout), lines, before)
                    before, lines, tokens, bad = [], [], [], None
                continue
            if layout is None and not _may_be_comment(line):
                layout = self._layout(line, place)
            fields = [] if layout is None else layout.split(line)
            starts_document = DOCUMENT_START in line and (layout is None or layout.starts_document(fields))
            if starts_document and tokens:
                yield bad or Record(first, tokens, _columns(lines, layout), lines, before)
                before, lines, tokens, bad = [], [], [], None
            if layout is None or starts_document or (not tokens and line[0] == "#" and layout.is_comment(line, fields)):
                before.append(line)
            elif len(fields) != layout.width or not fields[layout.token]:
                bad = bad or BadRecord(
                    f"{place}: {len(fields)} columns, or an empty token, where the lines before have {layout.width} "
                    "columns; mend it"
                )
            else:
                first = first if tokens else place
                lines.append(line)
                tokens.append(fields[layout.token])
        if tokens or bad or before:
            yield bad or Record(first, tokens, _columns(lines, layout), lines, before)

    def _layout(self, line: str, place: str) -> Layout:
        uses_tab = "\t" in line
        width = len(Layout(uses_tab, 1, 0, 0).split(line))
        if not -width <= self.token_column < width:
            raise InputError(f"{place}: --token-column is {self.token_column}, but the line has {width} columns")
        token = self.token_column % width
        return Layout(uses_tab, width, token, token)


def _may_be_comment(line: str) -> bool:
    return line.startswith(("#", DOCUMENT_START))


def _columns(lines: list[str], layout: Layout | None) -> dict[str, Any]:
    """The columns beside the tokens."""
    if layout is None:
        return {}
    rows = [layout.split(line) for line in lines]
    return {f"column_{index}": [row[index] for row in rows] for index in layout.others}


class ParquetReader:
    """A file of Parquet, with a column of texts or of tokens."""

    def __init__(self, path: Path, text_column: str | None, token_column: str | None) -> None:
        import pyarrow.parquet as pq
        from pyarrow import ArrowException

        try:
            self.file = pq.ParquetFile(path)
        except (ArrowException, OSError) as error:
            raise InputError(f"--input {path}: cannot be read as Parquet ({error})") from error
        self.path = path
        self.columns = (text_column, token_column)
        self.schema = self.file.schema_arrow

    def bytes_read(self) -> int | None:
        """Not known: rows are of any size."""
        return None

    def __iter__(self) -> Iterator[Record | BadRecord]:
        number = 0
        for batch in self.file.iter_batches(batch_size=_ROWS):
            for row in batch.to_pylist():
                number += 1
                yield _from_fields(f"{self.path}, row {number}", row, *self.columns)


def _from_fields(
    place: str, values: dict[str, Any], text_column: str | None, token_column: str | None
) -> Record | BadRecord:
    """The text of a record or, where it has none or they are asked for by name, its tokens."""
    text_name, token_name = text_column or "text", token_column or "tokens"
    if token_column is None and values.get(text_name) is not None:
        text = values[text_name]
        if not isinstance(text, str):
            return BadRecord(f"{place}: {text_name} is not a string; see --text-column")
        return Record(place, text, {name: value for name, value in values.items() if name != text_name})
    tokens = values.get(token_name)
    if tokens is None:
        return BadRecord(f"{place}: neither {text_name} nor {token_name}; see --text-column and --token-column")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        return BadRecord(f"{place}: {token_name} is not a list of strings; see --token-column")
    return Record(place, tokens, {name: value for name, value in values.items() if name != token_name})
