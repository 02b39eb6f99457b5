"""Readers of lines: texts, or JSON objects. Their base counts and decodes the lines of any such file."""

import os
import stat
import sys
from collections.abc import Iterator
from typing import BinaryIO

from seqtag.data.files import decode_line, parse_json
from seqtag.streams.fields import record_of
from seqtag.streams.record import BadRecord, Record


class Lines:
    """Lines as bytes, counted."""

    schema = None

    def __init__(self, file: BinaryIO, source: str) -> None:
        self.file = file
        self.source = source
        self._read = 0
        status = os.fstat(file.fileno())
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else None

    def blank(self) -> Record:
        """An empty text."""
        return Record(self.source, "")

    def position(self) -> int:
        """How far it is, in bytes."""
        return self._read

    def close(self) -> None:
        """Close the file; standard input is not its own."""
        if self.file is not sys.stdin.buffer:
            self.file.close()

    def lines(self) -> Iterator[tuple[str, str | BadRecord]]:
        """Each line with its place, as `decode_line` gives it."""
        for number, raw in enumerate(self.file, 1):
            self._read += len(raw)
            place = f"{self.source}:{number}"
            try:
                line = decode_line(raw, number)
            except UnicodeDecodeError:
                line = BadRecord(f"{place}: not UTF-8 text; convert the file to UTF-8 first")
            yield place, line


class TextRecords(Lines):
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


class JsonlRecords(Lines):
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
                    values = parse_json(line)
                except ValueError as error:
                    yield BadRecord(f"{place}: {error}")
                    continue
                if isinstance(values, dict):
                    yield record_of(place, values, *self.columns)
                else:
                    yield BadRecord(f"{place}: not a JSON object; write one record a line, not an array")
