"""Readers of `seqtag tag`: lines of text, JSON lines, CoNLL columns and Parquet, from a file or standard input.

Nothing is decoded by guesswork and nothing passed over in silence: what cannot be read comes out as a BadRecord.
"""

import json
import os
import stat
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from seqtag.data.columns import DOCUMENT_START, NAMED, NEW_DOCUMENT, Layout, split_columns
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


def open_reader(name: str, kind: str | None, whole: bool, text_column: str | None, token_column: str | None) -> Reader:
    """The reader of a file, or of standard input where `name` is `-`.

    Args:
        name: path, or `-`.
        kind: one of FORMATS; None goes by the extension.
        whole: the whole input is one text; for `text` only.
        text_column: field of the text (jsonl, parquet); None means `text`.
        token_column: field of the tokens, `tokens` where None; for conll the number of their column, 0 where None.

    Raises InputError where the file cannot be read, or the settings do not fit the format.
    """
    path = None if name == "-" else Path(name)
    if kind is None:
        kind = next((known for known, ends in FORMATS.items() if path and path.suffix.lower() in ends), "text")
    if whole and kind != "text":
        raise InputError(f"--whole: makes one text of a file of text, which {name} is not (--format {kind})")
    if text_column is not None and kind not in ("jsonl", "parquet"):
        raise InputError(f"--text-column: {kind} has no named columns; see --format")
    if token_column is not None and kind == "text":
        raise InputError("--token-column: text has no columns; see --format")
    if kind == "parquet":
        if path is None:
            raise InputError("--format parquet: cannot come from standard input; name a file with --input")
        return ParquetReader(path, text_column, token_column)
    number = _number(token_column) if kind == "conll" else 0
    if path is None and sys.stdin is None:
        raise InputError("--input -: standard input is closed; name a file")
    try:
        file = sys.stdin.buffer if path is None else open(path, "rb")  # noqa: SIM115 - the reader closes it
    except OSError as error:
        raise InputError(f"--input {path}: cannot be read: {error.strerror}") from error
    source = "<stdin>" if path is None else str(path)
    if kind == "jsonl":
        return JsonlReader(file, source, text_column, token_column)
    if kind == "conll":
        return ConllReader(file, source, number)
    return TextReader(file, source, whole)


def _number(token_column: str | None) -> int:
    try:
        return 0 if token_column is None else int(token_column)
    except ValueError as error:
        raise InputError(f"--token-column {token_column}: for conll it is a number, counted from 0") from error


class _Lines:
    """Lines as bytes, counted."""

    def __init__(self, file: BinaryIO, source: str) -> None:
        self.file = file
        self.source = source
        self._read = 0
        status = os.fstat(file.fileno())
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else None

    def position(self) -> int:
        """How far it is, in bytes."""
        return self._read

    def close(self) -> None:
        """Close the file; standard input is not its own."""
        if self.file is not sys.stdin.buffer:
            self.file.close()

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
            yield place, line[:-2] if line.endswith("\r\n") else line.removesuffix("\n")


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
                    yield BadRecord(f"{place}: not a JSON object; write one record a line, not an array")


class ConllReader(_Lines):
    """Columns, one token a line, a blank line between sentences, laid out as `seqtag.data.conll` says.

    One column of tokens is enough. Comments and `-DOCSTART-` lines come with the sentence after them, as `comments`.
    """

    def __init__(self, file: BinaryIO, source: str, token_column: int) -> None:
        super().__init__(file, source)
        self.token_column = token_column

    def __iter__(self) -> Iterator[Record | BadRecord]:
        lines = self.lines()
        head, layout = self._layout(lines)
        sentence, documents = _Sentence(layout, None), 0
        for place, line in chain(head, lines):
            if isinstance(line, BadRecord):
                sentence.bad = sentence.bad or line
                continue
            fields = layout.split(line)
            starts_document = DOCUMENT_START in line and layout.starts_document(fields)
            if (starts_document or not line.strip()) and (sentence.rows or sentence.bad):
                yield sentence.record()
                sentence = _Sentence(layout, sentence.document)
                if not starts_document:
                    continue
            is_mark, named = sentence.add(place, line, fields, starts_document), NEW_DOCUMENT.match(line)
            if is_mark and (starts_document or named):
                documents += 1
                name = named[1] if named else None
                sentence.document = (name or "").strip() or str(documents)
        if sentence.rows or sentence.bad or sentence.comments:
            yield sentence.record()

    def _layout(self, lines: Iterator[tuple[str, str | BadRecord]]) -> tuple[list[tuple[str, str | BadRecord]], Layout]:
        """The lines up to the first token, and how it is laid out."""
        head = []
        for place, line in lines:
            head.append((place, line))
            # Which columns a token has is not known yet, so any line that may be a comment is passed over.
            if isinstance(line, BadRecord) or not line.strip() or line == "#" or NAMED.match(line):
                continue
            if line.startswith(("# ", DOCUMENT_START)):
                continue
            uses_tab = "\t" in line
            width = len(split_columns(line, uses_tab))
            if not -width <= self.token_column < width:
                raise InputError(f"{place}: --token-column is {self.token_column}, but the line has {width} columns")
            token = self.token_column % width
            return head, Layout(uses_tab, width, token, token)
        return head, Layout(False, 1, 0, 0)


class _Sentence:
    """Lines of columns that become one record."""

    def __init__(self, layout: Layout, document: str | None) -> None:
        self.layout = layout
        self.document = document
        self.place = ""
        self.before: list[str] = []
        self.comments: list[str] = []
        self.lines: list[str] = []
        self.rows: list[list[str]] = []
        self.bad: BadRecord | None = None

    def add(self, place: str, line: str, fields: list[str], starts_document: bool) -> bool:
        """Take a line that belongs to it; a blank one stands before its tokens. Whether it is a comment or a mark."""
        layout = self.layout
        self.place = self.place if self.rows else place
        delimiter = "\t" if layout.uses_tab else " "
        if not line.strip():
            self.before.append("")
        elif starts_document:  # a column more here too, so that columns remain columns
            self.before.append(f"{line}{delimiter}O")
            self.comments.append(line)
            return True
        elif not self.rows and line[0] == "#" and layout.is_comment(line, fields):
            self.before.append(line)
            self.comments.append(line)
            return True
        elif len(fields) != layout.width or not fields[layout.token]:
            what = "an empty token" if len(fields) == layout.width else f"{len(fields)} columns"
            self.bad = self.bad or BadRecord(
                f"{place}: {what} where the first line of a token has {layout.width} columns; mend it"
            )
        else:
            self.lines.append(f"{line}{delimiter}")
            self.rows.append(fields)
        return False

    def record(self) -> Record | BadRecord:
        """The tokens with the columns beside them."""
        if self.bad:
            return self.bad
        carried: dict[str, Any] = {"comments": self.comments} if self.comments else {}
        if self.rows:
            carried |= {f"column_{index}": [row[index] for row in self.rows] for index in self.layout.others}
        tokens = [row[self.layout.token] for row in self.rows]
        return Record(self.place, tokens, carried, self.lines, self.before, self.document)


class ParquetReader:
    """A file of Parquet, with a column of texts or of tokens."""

    def __init__(self, path: Path, text_column: str | None, token_column: str | None) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._errors = (pa.ArrowException, OSError, ValueError, OverflowError)
        try:
            self.file = pq.ParquetFile(path)
        except self._errors as error:
            raise InputError(f"--input {path}: cannot be read as Parquet ({error})") from error
        self.path = path
        self.columns = (text_column, token_column)
        self.schema = self.file.schema_arrow
        self.size = self.file.metadata.num_rows
        self._row = 0
        for name in self.schema.names:
            if self.schema.names.count(name) > 1:
                raise InputError(f"--input {path}: has several columns {name}; rename them")

    def position(self) -> int:
        """How far it is, in rows."""
        return self._row

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def __iter__(self) -> Iterator[Record | BadRecord]:
        batches = self.file.iter_batches(batch_size=_ROWS)
        while True:
            try:
                batch = next(batches, None)
            except self._errors as error:
                raise InputError(f"{self.path}: cannot be read behind row {self._row} ({error})") from error
            if batch is None:
                return
            for row in self._rows(batch):
                self._row += 1
                place = f"{self.path}, row {self._row}"
                if isinstance(row, Exception):
                    yield BadRecord(f"{place}: holds a value that cannot be read ({row})")
                else:
                    yield _from_fields(place, row, *self.columns)

    def _rows(self, batch: Any) -> list[dict[str, Any] | Exception]:
        """Each row, or what is wrong with it: text that is not UTF-8, a date that Python does not know."""
        try:
            return batch.to_pylist()
        except self._errors as error:
            if len(batch) == 1:
                return [error]
            return [row for index in range(len(batch)) for row in self._rows(batch.slice(index, 1))]


def _from_fields(
    place: str, values: dict[str, Any], text_column: str | None, token_column: str | None
) -> Record | BadRecord:
    """The text of a record or, where it has none or they alone are asked for by name, its tokens."""
    text_name, token_name = text_column or "text", token_column or "tokens"
    text, tokens = values.get(text_name), values.get(token_name)
    values = {name: value for name, value in values.items() if value is not None or name not in (text_name, token_name)}
    if text_column is not None and token_column is None:
        tokens = None
    if token_column is not None and text_column is None:
        text = None
    document = values.get("document_id")
    document = None if document is None else str(document)
    if text is not None:
        if not isinstance(text, str):
            return BadRecord(f"{place}: {text_name} is not a string; see --text-column")
        return Record(place, text, {name: own for name, own in values.items() if name != text_name}, document=document)
    if tokens is None:
        return BadRecord(f"{place}: neither {text_name} nor {token_name}; see --text-column and --token-column")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        return BadRecord(f"{place}: {token_name} is not a list of strings; see --token-column")
    return Record(place, tokens, {name: own for name, own in values.items() if name != token_name}, document=document)
