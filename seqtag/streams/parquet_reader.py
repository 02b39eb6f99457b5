"""Reader of Parquet, some rows at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from seqtag.errors import InputError
from seqtag.streams.fields import record_of
from seqtag.streams.record import BadRecord, Record

_ROWS = 1000
"""Read at a time."""
_ERRORS = (pa.ArrowException, OSError, ValueError, OverflowError)


class ParquetRecords:
    """A file of Parquet, with a column of texts or of tokens."""

    def __init__(self, path: Path, text_column: str | None, token_column: str | None) -> None:
        try:
            self.file = pq.ParquetFile(path)
        except _ERRORS as error:
            raise InputError(f"--input {path}: cannot be read as Parquet ({error})") from error
        self.path = path
        self.columns = (text_column, token_column)
        self.schema = self.file.schema_arrow
        self._lists = frozenset(field.name for field in self.schema if _is_list(field.type))
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
            except _ERRORS as error:
                raise InputError(f"{self.path}: cannot be read after row {self._row} ({error})") from error
            if batch is None:
                return
            for row in self._rows(batch):
                self._row += 1
                place = f"{self.path}, row {self._row}"
                if isinstance(row, Exception):
                    yield BadRecord(f"{place}: holds a value that cannot be read ({row})")
                else:
                    yield record_of(place, row, *self.columns, self._lists)

    def blank(self) -> Record | BadRecord:
        """An empty text, or no tokens, with the columns that rows carry."""
        text, tokens = self.columns
        empty = {
            name: own for name, own in ((text or "text", ""), (tokens or "tokens", [])) if name in self.schema.names
        }
        if (text is None) == (tokens is None):  # a row has one or the other
            empty = dict([*empty.items()][:1])
        return record_of(str(self.path), dict.fromkeys(self.schema.names) | empty, *self.columns, self._lists)

    def _rows(self, batch: Any) -> list[dict[str, Any] | Exception]:
        """Each row, or what is wrong with it: text that is not UTF-8, a date that Python does not know."""
        try:
            return batch.to_pylist()
        except _ERRORS as error:
            if len(batch) == 1:
                return [error]
            return [row for index in range(len(batch)) for row in self._rows(batch.slice(index, 1))]


def _is_list(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_list(kind.value_type)
    return (
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_map(kind)
    )
