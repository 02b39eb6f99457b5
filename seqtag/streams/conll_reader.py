"""Reader of CoNLL columns, which keeps every line for the output."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

from seqtag.data.columns import DOCUMENT_START, NEW_DOCUMENT, Layout, may_be_no_token, split_columns
from seqtag.errors import InputError
from seqtag.streams.line_readers import Lines
from seqtag.streams.record import BadRecord, Record


class ConllRecords(Lines):
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
            if isinstance(line, BadRecord) or may_be_no_token(line):
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
