"""Parquet out: part files while the work goes on, put together into one file at its end.

`FILE.parts/part-00000.parquet`, … are each a whole Parquet file, so that what is interrupted can be read, and gone on
with.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from seqtag.document import Document
from seqtag.streams.record import Record, Unwritable
from seqtag.streams.writing import fields_of

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
}


class ParquetWriter:
    """Columns that came with the text, then those of JSON lines (`JsonlWriter`), typed.

    Columns of a Parquet input keep their types. Those of other inputs are strings: what is no string, as JSON text.
    """

    def __init__(self, path: Path, parts: int, with_tokens: bool, schema: pa.Schema | None) -> None:
        """Goes on behind the first `parts` part files; `schema` is that of a Parquet input."""
        self.path = path
        self.folder = parts_folder(path)
        self.with_tokens = with_tokens
        self.schema = schema
        self._rows: list[dict[str, Any]] = []
        self._pretokenized: bool | None = None
        self._parts = parts
        self.folder.mkdir(exist_ok=True)
        for part in self.folder.glob("*.parquet"):
            if int(part.stem.partition("-")[2]) >= parts:
                part.unlink()

    def write(self, record: Record, document: Document) -> None:
        """Add a row. Raises Unwritable for text that is not UTF-8 (a lone surrogate)."""
        if self.with_tokens and self._pretokenized not in (None, document.pretokenized):
            raise Unwritable("texts and lists of tokens cannot share the column tokens; leave --tokens out")
        fields = fields_of(record, document, self.with_tokens)
        if self.schema is None:
            fields = {
                name: value if name in _TYPES or name == "tokens" else _as_text(value) for name, value in fields.items()
            }
        try:
            json.dumps(fields, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError as error:
            raise Unwritable(
                "half of a surrogate pair is not text to Parquet; choose another --output-format"
            ) from error
        self._pretokenized = document.pretokenized
        self._rows.append(fields)

    def mark(self) -> dict[str, Any]:
        """The number of part files."""
        self._write_part()
        return {"parts": self._parts}

    def close(self) -> None:
        """Close the last part file; `join` makes one file of all."""
        self._write_part()

    def join(self) -> None:
        """Put the part files together into the file itself, and remove them."""
        paths = [self.folder / _name(number) for number in range(self._parts)]
        schema = pa.unify_schemas([pq.read_schema(path) for path in paths]) if paths else self._schema([])
        staging = self.path.with_name(f".{self.path.name}.tmp")
        with pq.ParquetWriter(staging, schema) as writer:
            for path in paths:
                for batch in pq.ParquetFile(path).iter_batches():
                    table = pa.Table.from_batches([batch])
                    for field in schema:
                        if field.name not in table.column_names:
                            table = table.append_column(field, pa.nulls(len(table), field.type))
                    writer.write_table(table.select(schema.names))
        os.replace(staging, self.path)
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
        self._rows = []

    def _schema(self, rows: list[dict[str, Any]]) -> pa.Schema:
        names = dict.fromkeys(name for row in rows for name in row) or dict.fromkeys(("text", "entities"))
        return pa.schema([(name, self._type(name, rows)) for name in names])

    def _type(self, name: str, rows: list[dict[str, Any]]) -> pa.DataType:
        if name == "tokens":
            given = any(row["tokens"] and isinstance(row["tokens"][0], str) for row in rows if row.get("tokens"))
            return pa.list_(pa.string()) if given or not self.with_tokens else pa.list_(_TOKEN)
        if name in _TYPES:
            return _TYPES[name]
        source = name.removeprefix("input_")
        if self.schema is not None:
            return self.schema.field(name if name in self.schema.names else source).type
        return pa.string()


def parts_folder(path: Path) -> Path:
    """Where the part files of `path` lie."""
    return path.with_name(f"{path.name}.parts")


def _name(number: int) -> str:
    return f"part-{number:05d}.parquet"


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
