"""Writers of `seqtag tag` that append to one file or to standard output: JSON lines, CoNLL columns, HTML, terminal.

Whole records are written or none: whatever interrupts, `close` leaves a valid file. Parquet is in `parquet_writer.py`.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

from seqtag.data.columns import DOCUMENT_START, NEW_DOCUMENT
from seqtag.document import Document
from seqtag.errors import InputError
from seqtag.streams.fields import DIGITS, fields_of, kept_names
from seqtag.streams.record import Record, Unwritable

_BUFFER = 1 << 16
_BREAKS = frozenset("\t\n\r")
_OF_LABEL = re.compile(r"^#\s*(label|score)\s*=")
_ENCODE = json.JSONEncoder(ensure_ascii=False, default=str).encode


class Sink:
    """A file that grows by whole records, or standard output where `path` is None."""

    def __init__(self, path: Path | None, size: int = 0) -> None:
        """Goes on behind the first `size` bytes of the file; what stands after them is cut off.

        Raises InputError where the file has not as many.
        """
        self.is_file = path is not None
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666) if path else os.dup(sys.stdout.fileno())
        self._size = size
        self._waiting: list[bytes] = []
        self._held = 0
        if path:
            if os.fstat(self._file).st_size < size:
                os.close(self._file)
                raise InputError(f"--resume: {path} is shorter than it was; remove it and {path}.progress, begin anew")
            os.ftruncate(self._file, size)
            os.lseek(self._file, size, os.SEEK_SET)

    def add(self, record: bytes) -> None:
        """Take a record; it is written in company."""
        self._waiting.append(record)
        self._held += len(record)
        if self._held >= _BUFFER:
            self.flush()

    def flush(self) -> int:
        """Write what is waiting, and give the size of the file."""
        data = b"".join(self._waiting)
        if self.is_file:  # where an interrupted write has left part of a record, this one goes over it
            os.lseek(self._file, self._size, os.SEEK_SET)
        written = 0
        while written < len(data):
            written += os.write(self._file, data[written : written + (1 << 20)])
        self._waiting, self._held, self._size = [], 0, self._size + len(data)
        return self._size

    def close(self) -> None:
        """Write what is waiting, and end the file behind the last whole record."""
        try:
            self.flush()
        finally:
            if self.is_file:
                os.ftruncate(self._file, self._size)
            os.close(self._file)


class JsonlWriter:
    """A JSON object a line: the fields that came with the text, then text and entities.

    Of tokens that were given: tokens, tags, and the scores of the tags, then the same. A field that came along and
    would be taken for one of these is kept as `input_NAME`.
    """

    def __init__(self, sink: Sink, with_tokens: bool) -> None:
        self.sink = sink
        self.with_tokens = with_tokens

    def write(self, record: Record, document: Document) -> None:
        """Add a line; a record that no UTF-8 can hold (a lone surrogate) is written with escapes."""
        try:
            self.sink.add(self._line(record, document).encode())
        except UnicodeEncodeError:
            values = fields_of(record, document, self.with_tokens)
            self.sink.add(f"{json.dumps(values, default=str)}\n".encode())

    def _line(self, record: Record, document: Document) -> str:
        is_more = record.carried or self.with_tokens or document.pretokenized or document.labelled or document.n_best
        if is_more:
            return f"{_ENCODE(fields_of(record, document, self.with_tokens))}\n"
        # The same as above, put together without the dictionaries between.
        entities = ", ".join(
            [
                f'{{"text": {encode_basestring(text)}, "label": {encode_basestring(label)}, '
                f'"start": {start}, "end": {end}, "score": {round(score, DIGITS)!r}}}'
                for text, label, start, end, score in document.entities
            ]
        )
        return f'{{"text": {encode_basestring(document.text)}, "entities": [{entities}]}}\n'

    def mark(self) -> dict[str, Any]:
        """The size of the file."""
        return {"bytes": self.sink.flush()}

    def close(self) -> None:
        """Nothing but the lines themselves."""
        self.sink.close()


class ConllWriter:
    """The lines of tokens as they came, each with the tag behind it; of other inputs, tokens and tags.

    A blank line ends a sentence. Comments and `-DOCSTART-` lines stay where they were; the latter get an O, so that
    columns remain columns. Of other inputs, a text is opened by `# newdoc`, with its `document_id` where it has one, or
    by `# newpar` where it goes on with a document. What came with a text or with tokens stands before it as `# name =
    value`, and so does what a model that labels texts says of it, as `label` and `score`; what came along under these
    names is kept as `input_NAME`.
    """

    def __init__(self, sink: Sink, opened: str | None = None) -> None:
        """`opened` is that of the mark that the sink goes on from."""
        self.sink = sink
        self._opened = opened
        """The line that opened the document which what follows would be part of."""

    def write(self, record: Record, document: Document) -> None:
        """Add the sentences of a document. Raises Unwritable for what would break a line or a column, or is no text."""
        found = {"label": document.label, "score": document.score and round(document.score, DIGITS)}
        labels = [f"# {name} = {_one_line(value)}" for name, value in found.items() if value is not None]
        opened = self._opened
        if record.lines or record.before:
            lines = _given_columns(record, document, labels)
        else:
            opening, opened = _opening(record, document, opened)
            lines = [*opening, *_carried(record, document), *labels, *_columns(document)]
            # The comments of a text without tokens must not be taken for those of the next one.
            lines += [""] * bool(lines and not document.sentences)
        try:
            data = "".join(f"{line}\n" for line in lines).encode()
        except UnicodeEncodeError as error:
            raise Unwritable(
                "half of a surrogate pair cannot stand in a column; mend it or choose another --output-format"
            ) from error
        self.sink.add(data)
        self._opened = opened

    def mark(self) -> dict[str, Any]:
        """The size of the file, and which document it is in."""
        return {"bytes": self.sink.flush(), "opened": self._opened}

    def close(self) -> None:
        """Nothing but the lines themselves."""
        self.sink.close()


def _given_columns(record: Record, document: Document, labels: list[str]) -> list[str]:
    """The lines that came, with a column more."""
    tagged = [f"{line}{_cell(tag, line[-1])}" for line, tag in zip(record.lines, document.tags, strict=True)]
    before = [_OF_LABEL.sub(r"# input_\1 =", line) for line in record.before] if labels else record.before
    return [*before, *(labels if tagged else []), *tagged, *[""] * bool(tagged)]


def _opening(record: Record, document: Document, opened: str | None) -> tuple[list[str], str | None]:
    """The line before a text or a sentence, if it wants one, and the one that opened the document that it is part of.

    `opened` is that of the record before.
    """
    own = "# newdoc" if record.document is None else f"# newdoc id = {_one_line(record.document)}"
    if record.document is not None and own == opened:
        return [] if document.pretokenized else ["# newpar"], own
    if record.document is None and document.pretokenized and opened is None:
        return [], None
    return [own], own


def _carried(record: Record, document: Document) -> list[str]:
    """What came along, as comments."""
    names = kept_names(record, document.labelled)
    lines = []
    for name, value in record.carried.items():
        if name == "document_id" and value is not None:
            continue  # it opens the document
        line = f"# {_one_line(names[name])} = {_one_line(value)}"
        lines.append(f"# input_{line[2:]}" if NEW_DOCUMENT.match(line) else line)
    return lines


def _columns(document: Document) -> Iterator[str]:
    """A line for each token and a blank one after each sentence."""
    for first, last in document.sentences:
        for token in document.tokens[first:last]:
            if token.text == DOCUMENT_START:
                raise Unwritable(f"token {token.text!r} is a mark in columns; choose another --output-format")
            yield f"{_cell(token.text)}\t{_cell(token.tag)}"
        yield ""


def _cell(text: str, delimiter: str = "\t") -> str:
    """What may stand in a column. Raises Unwritable for anything else."""
    if not text or delimiter in text or _BREAKS & set(text):
        raise Unwritable(f"{text!r} cannot stand in a column; choose another --output-format")
    return text


class HtmlWriter:
    """A page that shows the documents one below the other."""

    def __init__(self, sink: Sink, is_new: bool) -> None:
        from seqtag.html import page_parts

        self.sink = sink
        self._parts = page_parts
        self._start, self._end = page_parts([])
        if is_new:
            sink.add(self._start.encode())

    def write(self, record: Record, document: Document) -> None:
        """Add a document."""
        _, part, _ = self._parts([document])
        self.sink.add(part.encode())

    def mark(self) -> dict[str, Any]:
        """The size of the file so far, without the page's end."""
        return {"bytes": self.sink.flush()}

    def close(self) -> None:
        """End the page."""
        self.sink.add(self._end.encode())
        self.sink.close()


class TerminalWriter:
    """Entities in colour, for people; to standard output."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(soft_wrap=True, highlight=False)

    def write(self, record: Record, document: Document) -> None:
        """Print a document."""
        self.console.print(document)

    def mark(self) -> dict[str, Any]:
        """Nothing to go on from."""
        return {}

    def close(self) -> None:
        """Nothing is open."""


def _one_line(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return " ".join(text.split())
