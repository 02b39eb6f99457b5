"""Parquet out: part files while the work goes on, put together into one file at its end.

`FILE.parts/part-000000.parquet`, … are each a whole Parquet file, so that what is interrupted can be read, and gone on
with.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from seqtag.data.files import as_text
from seqtag.document import Document
from seqtag.errors import InputError
from seqtag.streams.fields import fields_of, kept_names, rounded
from seqtag.streams.progress import parts_folder
from seqtag.streams.record import Record, Unwritable

_ENTITY = pa.struct(
    [("text", pa.string()), ("label", pa.string()), ("start", pa.int64()), ("end", pa.int64()), ("score", pa.float64())]
)
_TOKEN = pa.struct(
    [("text", pa.string()), ("start", pa.int64()), ("end", pa.int64()), ("tag", pa.string()), ("score", pa.float64())]
)
_TAGGING = pa.struct([("probability", pa.float64()), ("tags", pa.list_(pa.string())), ("entities", pa.list_(_ENTITY))])
_TYPES = {
    "text": pa.string(),
    "entities": pa.list_(_ENTITY),
    "tags": pa.list_(pa.string()),
    "scores": pa.list_(pa.float64()),
    "n_best": pa.list_(_TAGGING),
    "label": pa.string(),
    "score": pa.float64(),
    "labels": pa.map_(pa.string(), pa.float64()),
    "attention": pa.list_(pa.float64()),
}
_ROWS = 5_000
_CHARACTERS = 8_000_000
"""Of JSON text, in a part file, at most."""


class ParquetWriter:
    """Columns that came with the text, then those of JSON lines (`JsonlWriter`), typed.

    Columns of a Parquet input keep their types. Those of other inputs are strings: what is no string, as JSON text.
    With `with_tokens`, tokens that were given are laid out as those of a text are, so that one column holds both.
    """

    def __init__(self, path: Path, parts: int, with_tokens: bool, schema: pa.Schema | None) -> None:
        """Goes on behind the first `parts` part files; `schema` is that of a Parquet input.

        Raises InputError where they are not all there.
        """
        self.path = path
        self.folder = parts_folder(path)
        self.with_tokens = with_tokens
        self.schema = schema
        self._types = _TYPES | {"tokens": pa.list_(_TOKEN if with_tokens else pa.string())}
        self._rows: list[dict[str, Any]] = []
        self._characters = 0
        self._parts = parts
        self._names = ["text", "entities"]
        self.folder.mkdir(exist_ok=True)
        present = sorted(self.folder.glob("part-*"))
        if [part.name for part in present[:parts]] != [_name(number) for number in range(parts)]:
            raise InputError(
                f"--resume: part files are missing in {self.folder}; remove it and {path}.progress, begin anew"
            )
        for part in present[parts:]:
            part.unlink()

    def write(self, record: Record, document: Document) -> None:
        """Add a row. Raises Unwritable for text that is not UTF-8 (a lone surrogate)."""
        fields = self._fields(record, document)
        try:
            self._characters += len(json.dumps(fields, ensure_ascii=False, default=str).encode())
        except UnicodeEncodeError as error:
            raise Unwritable(
                "half of a surrogate pair is not text to Parquet; choose another --output-format"
            ) from error
        self._rows.append(fields)
        if len(self._rows) >= _ROWS or self._characters >= _CHARACTERS:
            self._write_part()

    def lay_out(self, record: Record, document: Document) -> None:
        """Let a file without rows have the columns of such a row."""
        self._names = list(self._fields(record, document))

    def mark(self) -> dict[str, Any]:
        """The number of part files."""
        self._write_part()
        return {"parts": self._parts}

    def close(self) -> None:
        """Close the last part file; `join` makes one file of all."""
        self._write_part()

    def join(self) -> None:
        """Put the part files together into the file itself."""
        paths = [self.folder / _name(number) for number in range(self._parts)]
        schema = pa.unify_schemas([pq.read_schema(path) for path in paths]) if paths else self._schema([])
        staging = self.path.with_name(f".{self.path.name}.tmp")
        with pq.ParquetWriter(staging, schema) as writer:
            for path in paths:
                part = pq.ParquetFile(path).read()
                writer.write_table(pa.concat_tables([schema.empty_table(), part], promote_options="default"))
        os.replace(staging, self.path)

    def remove_parts(self) -> None:
        """Once nothing is to go on from them."""
        shutil.rmtree(self.folder)

    def _write_part(self) -> None:
        if not self._rows:
            return
        table = pa.Table.from_pylist(self._rows, schema=self._schema(self._rows))
        path = self.folder / _name(self._parts)
        staging = path.with_suffix(".tmp")
        pq.write_table(table, staging)
        os.replace(staging, path)
        self._parts += 1
        self._rows, self._characters = [], 0

    def _fields(self, record: Record, document: Document) -> dict[str, Any]:
        """A row; its columns then have types."""
        fields = fields_of(record, document, self.with_tokens)
        if document.labelled:
            fields["labels"] = list(fields["labels"].items())
        if self.with_tokens and document.pretokenized:
            fields["tokens"] = [rounded(token) for token in document.tokens]
        for name, kept in kept_names(record, document.labelled).items():
            if self.schema is None:
                fields[kept] = as_text(fields[kept])
            self._types[kept] = pa.string() if self.schema is None else self.schema.field(name).type
        return fields

    def _schema(self, rows: list[dict[str, Any]]) -> pa.Schema:
        names = dict.fromkeys(name for row in rows for name in row) or self._names
        return pa.schema([(name, self._types[name]) for name in names])


def _name(number: int) -> str:
    return f"part-{number:06d}.parquet"
